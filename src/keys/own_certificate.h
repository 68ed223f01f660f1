// Certificates of the origin's own keys, as each role has them: what they say, and their signing.
// May touch: keys and below. Called by: keys/origin (setting up), requests/ca (rollover, OCSP).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keys/origin.h"

namespace poolkey::keys {

/// Where relying parties find what belongs to an issuer: URLs.
struct IssuerPointers {
  std::vector<std::string> crl{};
  std::vector<std::string> ca_issuers{};
  std::vector<std::string> ocsp{};
};

/// One certificate of an own key.
struct Certification {
  OriginRole role;
  StoredKey subject;
  crypto::DistinguishedName name;
  std::optional<OriginSigner> issuer{};  ///< nothing: self-signed
  std::string profile{};                 ///< in the register; empty: the role's name
  Duration good_for{};  ///< one that the register has is given if it still holds so long
  std::optional<Time> not_before{};  ///< nothing: now
  std::optional<Time> not_after{};   ///< nothing: as the policy and the issuer allow
  IssuerPointers pointers{};
};

/// "issuing-ca": the name of the role's key, and the policy's word for it.
std::string_view key_name(OriginRole role);
/// What the first version's certificate is called: "poolkey issuing CA".
std::string_view common_name(OriginRole role);
std::vector<OriginRole> roles_of_setup();

/// Signs the certificate with the issuer's key under both keys' policies (`policy` is the
/// subject's) and enters it in the register. One that the register has for the same key, issuer and
/// profile is given instead: so the step of a journal may call this again.
crypto::Certificate certify(Context& context, const Certification& what,
                            const policy::Policy& policy, const store::Operation& operation);

}  // namespace poolkey::keys
