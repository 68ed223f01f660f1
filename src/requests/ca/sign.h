// Requests from elsewhere, signed under a profile of the CA: what a CSR signing service offers.
// May touch: requests/ca/config and below. Called by: cli, for `ca sign`; service, for EST.
#pragma once

#include <string>
#include <vector>

#include "crypto/csr.h"
#include "keys/issued.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

struct ForeignCertificate {
  keys::IssuedCertificate issued;
  std::vector<crypto::Certificate> chain;  ///< the issuing CA first, the root that was pinned last
  std::vector<Finding> findings;           ///< of the profile's lint rules; none is an error
  std::vector<std::string> remarks;        ///< what differs from what was asked for, and why
  bool already = false;                    ///< an earlier call signed it
};

/// Signs a request with the issuing CA in force, if the profile's names, key algorithms and lint
/// rules allow it. The same request under the same profile gets the same certificate while that is
/// good and more than a third of its life is left. Throws kInvalidArgument (every reason in one
/// sentence each), kDenied (the linter's errors, or policy).
ForeignCertificate sign_foreign(keys::Context& context, const CaConfig& config,
                                const crypto::ParsedCsr& csr, const std::string& profile);

/// The issuing CA's key for one certificate, and the rule that allowed it.
struct CaKey {
  crypto::EvpPkey key;
  std::string rule;
};
/// Throws kDenied where the CA's policy does not allow a certificate of this validity.
CaKey ca_key(keys::Context& context, const keys::OriginSigner& ca, const policy::Policy& policy,
             Duration validity);

/// The longest validity that a public CA may give a certificate issued at `now` (BR 6.3.2).
Days public_limit(Time now);

}  // namespace poolkey::requests
