// Why and when a certificate was revoked: what revocation lists and OCSP responses both say.
// May touch: std only. Called by: crypto's crl and ocsp, requests, cli.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace poolkey::crypto {

/// CRLReason of RFC 5280 section 5.3.1; the value is the code.
enum class RevocationReason {
  kUnspecified = 0,
  kKeyCompromise = 1,
  kCaCompromise = 2,
  kAffiliationChanged = 3,
  kSuperseded = 4,
  kCessationOfOperation = 5,
  kCertificateHold = 6,
  kRemoveFromCrl = 8,  ///< in delta lists only: the hold is over
  kPrivilegeWithdrawn = 9,
  kAaCompromise = 10,
};

/// The name of RFC 5280: "keyCompromise".
std::string_view name(RevocationReason reason);
/// Throws kInvalidArgument listing the names that exist.
RevocationReason parse_revocation_reason(std::string_view text);
/// The reason with this code, if RFC 5280 has one.
std::optional<RevocationReason> revocation_reason(long code);

struct Revocation {
  Time at{};
  RevocationReason reason = RevocationReason::kUnspecified;
  bool operator==(const Revocation&) const = default;
};

}  // namespace poolkey::crypto
