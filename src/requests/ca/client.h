// Certificates by which the service, members, and persons or applications are known to each other.
// May touch: requests/ca and below. Called by: app (the service's own), service.
#pragma once

#include <string>
#include <vector>

#include "crypto/csr.h"
#include "keys/issued.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

struct ClientCertificate {
  keys::IssuedCertificate issued;
  std::vector<crypto::Certificate> chain;  ///< the issuing CA first, the root that was pinned last
  bool already = false;                    ///< an earlier call made it
};

/// Whether one that is not due yet is made anew.
enum class Renewal { kWhenDue, kNow };

/// All three give the newest good certificate by the issuing CA in force for the same key and name
/// while more than a third of its life is left. Otherwise they sign one under the CA's policy,
/// enter it in the register, and record it in the audit log. Who may ask is the caller's business.
/// They throw kConflict (the issuing CA is revoked) and kDenied (its policy, or a key that was
/// compromised or is on hold).

/// For the service: a key that proves itself by TLS under these names. The first is the CN. Throws
/// kInvalidArgument for what is neither a DNS name nor an IP address.
ClientCertificate service_certificate(keys::Context& context, const CaConfig& config,
                                      const std::vector<std::string>& dns,
                                      const std::vector<std::string>& addresses,
                                      const crypto::PublicKey& key,
                                      Renewal renewal = Renewal::kWhenDue);

/// For a member: CN "POOL/MEMBER", for the identity key that it was enrolled with. Throws kNotFound
/// for a member that there is not, kConflict for one that is not enrolled.
ClientCertificate member_certificate(keys::Context& context, const CaConfig& config,
                                     const PoolName& pool, const MemberName& member,
                                     Renewal renewal = Renewal::kWhenDue);

/// What client_certificate() throws for a request, without issuing: before a one-time code is
/// bound.
void check_client_request(keys::Context& context, const std::string& name,
                          const crypto::ParsedCsr& csr);

/// For a person or an application: CN `name`, for the key of a request. Nothing else is taken from
/// the request. Throws kInvalidArgument where its signature is not by that key or names somebody
/// else, kDenied for a weak key or a kind that the service does not take, kConflict for the key of
/// another name.
ClientCertificate client_certificate(keys::Context& context, const CaConfig& config,
                                     const std::string& name, const crypto::ParsedCsr& csr,
                                     Renewal renewal = Renewal::kWhenDue);

}  // namespace poolkey::requests
