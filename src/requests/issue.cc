#include "requests/issue.h"

#include <algorithm>

#include "base/error.h"

namespace poolkey::requests {
namespace {

void refuse(const std::string& why) {
  throw Error(Errc::kInvalidArgument, "the request cannot be issued: " + why);
}

}  // namespace

bool is_ending(Time not_before, Time not_after, Time now) {
  return 3 * (not_after - now) < not_after - not_before;
}

crypto::CertificateSpec certificate_spec(const crypto::ParsedCsr& csr, const IssueProfile& profile,
                                         Time issuer_not_after, Time now) {
  if (!csr.signature_valid) refuse("its signature does not verify with the key inside");
  if (csr.is_ca) refuse("it asks for a CA certificate");
  if (!csr.sans.ip.empty() || !csr.sans.email.empty() || !csr.sans.uri.empty() ||
      csr.sans.other != 0)
    refuse("it asks for names that are not DNS names");
  if (csr.name.common_name.empty() && csr.sans.dns.empty()) refuse("it asks for no name");
  if (profile.max_validity <= Duration::zero()) refuse("the profile allows no validity");
  if (issuer_not_after <= now)
    refuse("the issuing certificate ended at " + rfc3339(issuer_not_after));
  crypto::CertificateSpec out;
  out.subject = csr.name;
  out.dns_sans = csr.sans.dns;
  out.not_before = now;
  // The last second counts: notBefore through notAfter, inclusive (RFC 5280 4.1.2.5, BR 6.3.2).
  out.not_after = std::min(now + profile.max_validity - Duration(1), issuer_not_after);
  out.key_usage = profile.key_usage;
  if (!csr.public_key.is_rsa()) out.key_usage.erase(crypto::KeyUsage::kKeyEncipherment);
  out.extended_key_usage = profile.extended_key_usage;
  out.crl_distribution_points = profile.crl_distribution_points;
  out.ca_issuers = profile.ca_issuers;
  out.ocsp = profile.ocsp;
  return out;
}

}  // namespace poolkey::requests
