// What is checked of a certificate that came back, before it stands beside a key.
// May touch: crypto's types (pure). Called by: requests, for every certificate of any CA.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/crl.h"
#include "requests/lint/lint.h"
#include "requests/names.h"

namespace poolkey::requests {

/// What a certificate is held against.
struct Expected {
  crypto::PublicKey key;
  RequestedNames names;
  std::optional<PoolContext> pool{};
  Duration max_validity{};
  std::vector<crypto::Certificate> roots{};          ///< one of which it must chain to
  std::vector<crypto::Certificate> intermediates{};  ///< what there is, in any order
  std::vector<crypto::Crl> crls{};                   ///< of whatever CAs
  std::vector<Profile> profiles{};                   ///< whose errors are faults
};

struct Acceptance {
  std::vector<std::string> faults;   ///< "it lacks the names 'a', 'b'"
  std::vector<std::string> remarks;  ///< allowed, and worth a look
  std::vector<crypto::Certificate>
      chain;  ///< above it, root last; empty where there is a fault in it
};

/// Holds `certificate` against what was asked for. Its key must be ours, the chain end in one of
/// the roots and hold at `now`, common name and DNS names be there as requested (as a set, in any
/// case; the common name may be repeated where no SAN was asked for, and may be dropped by a CA
/// that keeps none), no other kind of name there, validity at most what policy allows, counted
/// inclusively, serverAuth among the extended key usages, no CA, no error of its own lint, and
/// neither it nor a CA above it be on a revocation list that its issuer signed. Names that came
/// extra are remarks, and so are the linter's other findings.
Acceptance check_certificate(const crypto::Certificate& certificate, const Expected& expected,
                             Time now);

/// The faults as one sentence: "the certificate for av@1 is not accepted:\n  ...".
std::string sentence_of(const std::string& what, const std::vector<std::string>& faults);

}  // namespace poolkey::requests
