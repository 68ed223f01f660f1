// Key rollover of the CA: a new issuing CA, or a new root with cross-certificates (RFC 4210 4.4).
// May touch: requests/ca and below. Called by: cli, for `ca rollover`.
#pragma once

#include <optional>
#include <vector>

#include "keys/origin.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

/// A root's key certified by another version of the root, under the one name that they share.
struct CrossCertificate {
  KeyVersion subject;
  KeyVersion issuer;
  crypto::Certificate certificate;
};
std::vector<CrossCertificate> cross_certificates(store::Database& database);

struct Rollover {
  std::optional<keys::OriginSigner> root;  ///< the new one, where that was asked for
  std::vector<CrossCertificate> crosses;   ///< new with old, old with new
  keys::OriginSigner issuing;
};

/// A new version of the issuing CA, with a key and a name of its own, under the newest root; it
/// issues from then on. Older ones go on signing their CRLs. `policy`: of the new key; nothing: the
/// one that the version before was made under. Run again after a crash it goes on; run again after
/// its end it makes one more. Throws kUnsupported where the root's key is not in this origin.
Rollover roll_issuing(keys::Context& context, const CaConfig& config,
                      const std::optional<policy::Policy>& policy);

/// A new version of the root under the same name, certified by the one before it and certifying
/// that one, and a new issuing CA under it. Whoever trusts the old root alone goes on verifying by
/// the cross-certificate, which stands in the new chains. poolkey's own documents stay under the
/// root that members have pinned. As roll_issuing() otherwise.
Rollover roll_root(keys::Context& context, const CaConfig& config,
                   const std::optional<policy::Policy>& policy);

}  // namespace poolkey::requests
