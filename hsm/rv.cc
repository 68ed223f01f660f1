#include "hsm/rv.h"

#include <array>
#include <string_view>

#include <fmt/format.h>

namespace poolkey::hsm {
namespace {

struct Row {
  CK_RV rv;
  std::string_view name;
  Errc errc;
  std::string_view meaning;
};

#define ROW(rv, errc, meaning) \
  Row { rv, #rv, Errc::errc, meaning }
constexpr std::array kRows{
    ROW(CKR_OK, kInternal, ""),
    ROW(CKR_CANCEL, kUnavailable, "the call was cancelled"),
    ROW(CKR_HOST_MEMORY, kUnavailable, "out of memory"),
    ROW(CKR_SLOT_ID_INVALID, kUnavailable, "the slot has gone"),
    ROW(CKR_GENERAL_ERROR, kUnavailable, "the module gives no reason"),
    ROW(CKR_FUNCTION_FAILED, kUnavailable, "the module gives no reason"),
    ROW(CKR_ARGUMENTS_BAD, kUnsupported, "the module does not take these parameters"),
    ROW(CKR_NEED_TO_CREATE_THREADS, kUnsupported, "the module wants threads of its own"),
    ROW(CKR_CANT_LOCK, kUnsupported, "the module cannot be used by several threads"),
    ROW(CKR_ATTRIBUTE_READ_ONLY, kDenied, "an attribute may not be set so"),
    ROW(CKR_ATTRIBUTE_SENSITIVE, kDenied, "the attribute is sensitive"),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, kUnsupported, "the module does not know an attribute"),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, kUnsupported, "an attribute has a value that is not taken"),
    ROW(CKR_ACTION_PROHIBITED, kDenied, "the object's attributes forbid it"),
    ROW(CKR_DATA_INVALID, kInvalidArgument, "the data are not what the mechanism takes"),
    ROW(CKR_DATA_LEN_RANGE, kInvalidArgument, "the data have a wrong length"),
    ROW(CKR_DEVICE_ERROR, kUnavailable, "the device failed"),
    ROW(CKR_DEVICE_MEMORY, kUnavailable, "the device is full"),
    ROW(CKR_DEVICE_REMOVED, kUnavailable, "the device was removed"),
    ROW(CKR_ENCRYPTED_DATA_INVALID, kCorrupt, "the encrypted data are damaged"),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, kCorrupt, "the encrypted data have a wrong length"),
    ROW(CKR_FUNCTION_CANCELED, kUnavailable, "the call was cancelled"),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, kUnsupported, "the module does not have this function"),
    ROW(CKR_KEY_HANDLE_INVALID, kConflict, "the key's handle is no longer valid"),
    ROW(CKR_KEY_SIZE_RANGE, kUnsupported, "the module does not take keys of this size"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, kInvalidArgument, "the key is of another type"),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, kDenied, "the key may not be used for this"),
    ROW(CKR_KEY_NOT_WRAPPABLE, kDenied, "the key may not be wrapped so"),
    ROW(CKR_KEY_UNEXTRACTABLE, kDenied, "the key may not leave the token"),
    ROW(CKR_MECHANISM_INVALID, kUnsupported, "the module does not offer the mechanism"),
    ROW(CKR_MECHANISM_PARAM_INVALID, kUnsupported, "the module does not take the parameters"),
    ROW(CKR_OBJECT_HANDLE_INVALID, kConflict, "the object's handle is no longer valid"),
    ROW(CKR_OPERATION_ACTIVE, kConflict, "the session is in the middle of something else"),
    ROW(CKR_OPERATION_NOT_INITIALIZED, kConflict, "the session has lost its operation"),
    ROW(CKR_PIN_INCORRECT, kAuthFailed,
        "the PIN is wrong; it is not tried again, because tokens lock after a few wrong ones"),
    ROW(CKR_PIN_INVALID, kInvalidArgument, "the PIN has characters that the token does not take"),
    ROW(CKR_PIN_LEN_RANGE, kInvalidArgument, "the PIN is too short or too long for the token"),
    ROW(CKR_PIN_EXPIRED, kAuthFailed, "the PIN has expired and must be changed"),
    ROW(CKR_PIN_LOCKED, kAuthFailed, "the PIN is locked; the security officer must reset it"),
    ROW(CKR_SESSION_CLOSED, kConflict, "the session was closed"),
    ROW(CKR_SESSION_COUNT, kUnavailable, "the token has no session left"),
    ROW(CKR_SESSION_HANDLE_INVALID, kConflict, "the session is no longer valid"),
    ROW(CKR_SESSION_READ_ONLY, kDenied, "the session may not write"),
    ROW(CKR_SESSION_EXISTS, kConflict, "a session is open on the token"),
    ROW(CKR_SESSION_READ_ONLY_EXISTS, kConflict,
        "a read-only session is open, and the security officer cannot log in beside it"),
    ROW(CKR_SIGNATURE_INVALID, kCorrupt, "the signature is wrong"),
    ROW(CKR_SIGNATURE_LEN_RANGE, kCorrupt, "the signature has a wrong length"),
    ROW(CKR_TEMPLATE_INCOMPLETE, kUnsupported, "the module wants more attributes"),
    ROW(CKR_TEMPLATE_INCONSISTENT, kDenied,
        "the attributes contradict each other or the key's rule"),
    ROW(CKR_TOKEN_NOT_PRESENT, kUnavailable, "the token is not in its slot"),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, kUnavailable, "the module does not recognise the token"),
    ROW(CKR_TOKEN_WRITE_PROTECTED, kUnavailable, "the token is write-protected"),
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, kConflict, "the unwrapping key's handle is not valid"),
    ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, kInvalidArgument,
        "the unwrapping key is of another type"),
    ROW(CKR_USER_ALREADY_LOGGED_IN, kConflict, "somebody is logged in already"),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, kConflict,
        "another role is logged in to this token in this process"),
    ROW(CKR_USER_NOT_LOGGED_IN, kAuthFailed, "nobody is logged in"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, kNotFound, "the token has no user PIN yet"),
    ROW(CKR_WRAPPED_KEY_INVALID, kCorrupt, "the wrapped key is damaged"),
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, kCorrupt, "the wrapped key has a wrong length"),
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, kConflict, "the wrapping key's handle is not valid"),
    ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, kInvalidArgument,
        "the wrapping key is of another type"),
    ROW(CKR_BUFFER_TOO_SMALL, kUnavailable, "the module wants more room than it said"),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, kConflict, "the module is not initialised"),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, kConflict, "the module is initialised already"),
};
#undef ROW

const Row* find_row(CK_RV rv) noexcept {
  for (const Row& row : kRows)
    if (row.rv == rv) return &row;
  return nullptr;
}

}  // namespace

std::string rv_name(CK_RV rv) {
  const Row* row = find_row(rv);
  return row != nullptr ? std::string(row->name) : fmt::format("CKR_0x{:08X}", rv);
}

Errc rv_errc(CK_RV rv) noexcept {
  const Row* row = find_row(rv);
  return row != nullptr ? row->errc : Errc::kUnavailable;
}

void check(CK_RV rv, const std::string& doing, std::source_location where) {
  if (rv == CKR_OK) return;
  const Row* row = find_row(rv);
  throw Error(rv_errc(rv), rv,
              "cannot " + doing + ": " + rv_name(rv) +
                  (row != nullptr ? " (" + std::string(row->meaning) + ")" : ""),
              where);
}

}  // namespace poolkey::hsm
