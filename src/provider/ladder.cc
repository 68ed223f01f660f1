#include "provider/ladder.h"

#include <array>

#include "hsm/cryptoki.h"

namespace poolkey::provider {
namespace {

struct Row {
  CK_RV rv;
  Remedy remedy;
};

constexpr Row row(CK_RV rv, Rung first, Rung highest = Rung::kInitialize) {
  return {rv, {first, highest}};
}

constexpr std::array kRows{
    row(CKR_KEY_HANDLE_INVALID, Rung::kFind),
    row(CKR_OBJECT_HANDLE_INVALID, Rung::kFind),
    // What a handle gives that meanwhile is another object's; found again, the answer counts.
    row(CKR_KEY_TYPE_INCONSISTENT, Rung::kFind, Rung::kFind),
    row(CKR_KEY_FUNCTION_NOT_PERMITTED, Rung::kFind, Rung::kFind),
    row(CKR_SESSION_HANDLE_INVALID, Rung::kSession),
    row(CKR_SESSION_CLOSED, Rung::kSession),
    row(CKR_OPERATION_ACTIVE, Rung::kSession),
    row(CKR_OPERATION_NOT_INITIALIZED, Rung::kSession),
    row(CKR_DEVICE_ERROR, Rung::kSession),
    row(CKR_BUFFER_TOO_SMALL, Rung::kSession, Rung::kSession),
    row(CKR_DEVICE_MEMORY, Rung::kSession, Rung::kOpen),
    row(CKR_GENERAL_ERROR, Rung::kSession, Rung::kOpen),
    row(CKR_FUNCTION_FAILED, Rung::kSession, Rung::kOpen),
    row(CKR_FUNCTION_CANCELED, Rung::kSession, Rung::kOpen),
    row(CKR_HOST_MEMORY, Rung::kSession, Rung::kOpen),
    row(CKR_SESSION_COUNT, Rung::kSession, Rung::kOpen),
    row(CKR_USER_NOT_LOGGED_IN, Rung::kLogin),
    row(CKR_DEVICE_REMOVED, Rung::kOpen),
    row(CKR_TOKEN_NOT_PRESENT, Rung::kOpen),
    row(CKR_TOKEN_NOT_RECOGNIZED, Rung::kOpen),
    row(CKR_SLOT_ID_INVALID, Rung::kOpen),
    row(CKR_CRYPTOKI_NOT_INITIALIZED, Rung::kInitialize),
};

}  // namespace

Remedy remedy_for(const Error& error) noexcept {
  const auto rv = error.ckr();
  if (!rv) return {Rung::kNone, Rung::kNone};
  for (const Row& row : kRows)
    if (row.rv == *rv) return row.remedy;
  // Network HSMs have codes of their own for a lost connection.
  if (*rv >= CKR_VENDOR_DEFINED) return {Rung::kSession, Rung::kInitialize};
  return {Rung::kNone, Rung::kNone};
}

std::optional<Rung> RungSet::next(Rung first, Rung highest) noexcept {
  if (first == Rung::kNone) return std::nullopt;
  for (int rung = static_cast<int>(first); rung <= static_cast<int>(highest); ++rung) {
    const unsigned bit = 1U << rung;
    if ((taken_ & bit) != 0) continue;
    taken_ |= bit;
    return static_cast<Rung>(rung);
  }
  return std::nullopt;
}

}  // namespace poolkey::provider
