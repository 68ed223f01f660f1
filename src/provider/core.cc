#include "provider/core.h"

#include <openssl/params.h>

#include <array>
#include <cstdarg>

namespace poolkey::provider {
namespace {

/// Reasons count from 1 and end with 0. The strings are those of poolkey::name(); OpenSSL keeps
/// pointers to them, so they are literals here.
constexpr int kFirstReason = 1;
struct Reason {
  Errc code;
  const char* text;
};
constexpr std::array kReasons{Reason{Errc::kInvalidArgument, "invalid argument"},
                              Reason{Errc::kDenied, "denied"},
                              Reason{Errc::kNotFound, "not found"},
                              Reason{Errc::kAlreadyExists, "already exists"},
                              Reason{Errc::kConflict, "conflict"},
                              Reason{Errc::kUnsupported, "unsupported"},
                              Reason{Errc::kUnavailable, "unavailable"},
                              Reason{Errc::kTimeout, "timeout"},
                              Reason{Errc::kAuthFailed, "authentication failed"},
                              Reason{Errc::kCorrupt, "corrupt"},
                              Reason{Errc::kInternal, "internal error"}};

std::uint32_t reason_of(Errc code) noexcept {
  std::uint32_t reason = kFirstReason;
  for (const Reason& row : kReasons) {
    if (row.code == code) break;
    ++reason;
  }
  return reason;
}

}  // namespace

Core::Core(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls) : handle_(handle) {
  for (; up_calls->function_id != 0; ++up_calls) switch (up_calls->function_id) {
      case OSSL_FUNC_CORE_GET_PARAMS:
        get_params_ = OSSL_FUNC_core_get_params(up_calls);
        break;
      case OSSL_FUNC_CORE_NEW_ERROR:
        new_error_ = OSSL_FUNC_core_new_error(up_calls);
        break;
      case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
        set_error_debug_ = OSSL_FUNC_core_set_error_debug(up_calls);
        break;
      case OSSL_FUNC_CORE_VSET_ERROR:
        vset_error_ = OSSL_FUNC_core_vset_error(up_calls);
        break;
      default:
        break;
    }
  if (get_params_ == nullptr || new_error_ == nullptr || set_error_debug_ == nullptr ||
      vset_error_ == nullptr)
    throw Error(Errc::kUnsupported, "this libcrypto lacks up-calls that a provider needs");
}

std::optional<std::string> Core::setting(const char* name) const {
  const char* value = nullptr;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_ptr(name, const_cast<char**>(&value), 0),
                         OSSL_PARAM_construct_end()};
  if (get_params_(handle_, params) != 1 || value == nullptr) return std::nullopt;
  return value;
}

void Core::set_error(std::uint32_t reason, const char* format, ...) const noexcept {
  va_list arguments;
  va_start(arguments, format);
  vset_error_(handle_, reason, format, arguments);
  va_end(arguments);
}

void Core::raise(const Error& error) const noexcept {
  const std::source_location& where = error.where();
  new_error_(handle_);
  // Without the function: its name in C++ is longer than most sentences.
  set_error_debug_(handle_, where.file_name(), static_cast<int>(where.line()), nullptr);
  set_error(reason_of(error.code()), "%s", error.what());
}

const OSSL_ITEM* reason_strings() noexcept {
  static constexpr auto kItems = [] {
    std::array<OSSL_ITEM, kReasons.size() + 1> items{};
    for (std::size_t i = 0; i < kReasons.size(); ++i)
      items[i] = {static_cast<unsigned>(i) + kFirstReason, const_cast<char*>(kReasons[i].text)};
    return items;
  }();
  return kItems.data();
}

Errc errc_of_reason(int reason) noexcept {
  const auto index = static_cast<std::size_t>(reason - kFirstReason);
  return index < kReasons.size() ? kReasons[index].code : Errc::kInternal;
}

}  // namespace poolkey::provider
