#include "crypto/revocation.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace poolkey::crypto {
namespace {

struct Row {
  RevocationReason reason;
  std::string_view name;
};
constexpr std::array kRows{
    Row{RevocationReason::kUnspecified, "unspecified"},
    Row{RevocationReason::kKeyCompromise, "keyCompromise"},
    Row{RevocationReason::kCaCompromise, "cACompromise"},
    Row{RevocationReason::kAffiliationChanged, "affiliationChanged"},
    Row{RevocationReason::kSuperseded, "superseded"},
    Row{RevocationReason::kCessationOfOperation, "cessationOfOperation"},
    Row{RevocationReason::kCertificateHold, "certificateHold"},
    Row{RevocationReason::kRemoveFromCrl, "removeFromCRL"},
    Row{RevocationReason::kPrivilegeWithdrawn, "privilegeWithdrawn"},
    Row{RevocationReason::kAaCompromise, "aACompromise"},
};

}  // namespace

std::string_view name(RevocationReason reason) {
  return std::ranges::find(kRows, reason, &Row::reason)->name;
}

RevocationReason parse_revocation_reason(std::string_view text) {
  std::string known;
  for (const Row& row : kRows) {
    if (row.name == text) return row.reason;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(text) + "' is no reason of RFC 5280; there are " + known);
}

std::optional<RevocationReason> revocation_reason(long code) {
  const auto found =
      std::ranges::find(kRows, code, [](const Row& row) { return static_cast<long>(row.reason); });
  if (found == kRows.end()) return std::nullopt;
  return found->reason;
}

}  // namespace poolkey::crypto
