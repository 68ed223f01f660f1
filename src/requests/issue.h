// What the embedded CA makes of a request: the certificate's contents, before anybody signs.
// May touch: crypto's types (pure). Called by: app, on behalf of the issuing CA.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/certificate.h"
#include "crypto/csr.h"

namespace poolkey::requests {

/// How the CA issues under one profile. Usages are the CA's, whatever the request asks for.
struct IssueProfile {
  Duration max_validity{};
  std::vector<std::string> extended_key_usage{};  ///< dotted OIDs
  crypto::KeyUsages key_usage{};  ///< keyEncipherment is left out where the key is not RSA
  std::vector<std::string> crl_distribution_points{};  ///< URLs
  std::vector<std::string> ca_issuers{};               ///< URLs
  std::vector<std::string> ocsp{};                     ///< URLs
};

/// In the last third of its life a certificate is renewed.
bool is_ending(Time not_before, Time not_after, Time now);

/// Subject and DNS names as the request has them; valid from `now` for at most the profile's
/// validity and never beyond the issuer. Throws kInvalidArgument for a request that does not prove
/// possession of its key, wants to be a CA, has names of other kinds than DNS or none at all, or
/// comes when the issuer has ended.
crypto::CertificateSpec certificate_spec(const crypto::ParsedCsr& csr, const IssueProfile& profile,
                                         Time issuer_not_after, Time now);

}  // namespace poolkey::requests
