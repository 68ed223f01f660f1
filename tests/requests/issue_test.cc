#include "requests/issue.h"

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using crypto::KeyUsage;

const Time kNow = at("2026-11-22T08:00:00Z");
const Time kIssuerEnds = at("2036-11-22T00:00:00Z");

IssueProfile profile() {
  IssueProfile out;
  out.max_validity = Days(199);
  out.extended_key_usage = {std::string(crypto::kServerAuth)};
  out.key_usage = {KeyUsage::kDigitalSignature, KeyUsage::kKeyEncipherment};
  out.crl_distribution_points = {"http://pki.contoso.com/issuing.crl"};
  return out;
}

crypto::ParsedCsr request(EVP_PKEY* key) {
  crypto::CsrSpec spec;
  spec.subject = {.common_name = "sip.contoso.com", .organization = "Contoso"};
  spec.dns_sans = {"sip.contoso.com", "webcon.contoso.com"};
  spec.extended_key_usage = {std::string(crypto::kClientAuth)};
  return crypto::parse_csr(crypto::build_csr(spec, key));
}

TEST(IssueTest, TakesNamesFromTheRequestAndUsagesFromTheProfile) {
  const EvpPkey key = rsa_key();
  const crypto::ParsedCsr csr = request(key.get());
  const crypto::CertificateSpec spec = certificate_spec(csr, profile(), kIssuerEnds, kNow);
  EXPECT_EQ(spec.subject, csr.name);
  EXPECT_EQ(spec.dns_sans, csr.sans.dns);
  EXPECT_EQ(spec.extended_key_usage, profile().extended_key_usage);
  EXPECT_EQ(spec.key_usage, profile().key_usage);
  EXPECT_EQ(spec.crl_distribution_points, profile().crl_distribution_points);
  EXPECT_FALSE(spec.is_ca);
  EXPECT_EQ(spec.not_before, kNow);
  EXPECT_EQ(rfc3339(spec.not_after), "2027-06-09T07:59:59Z");  // the last second counts
}

TEST(IssueTest, NeverOutlivesTheIssuer) {
  const EvpPkey key = ec_key();
  const Time ends = kNow + Days(30);
  EXPECT_EQ(certificate_spec(request(key.get()), profile(), ends, kNow).not_after, ends);
  EXPECT_THAT([&] { certificate_spec(request(key.get()), profile(), kNow, kNow); },
              ThrowsErrc(Errc::kInvalidArgument, "issuing certificate ended"));
}

TEST(IssueTest, GivesNoKeyEnciphermentToAnEcKey) {
  const EvpPkey key = ec_key();
  EXPECT_EQ(certificate_spec(request(key.get()), profile(), kIssuerEnds, kNow).key_usage,
            crypto::KeyUsages{KeyUsage::kDigitalSignature});
}

TEST(IssueTest, RefusesWhatNoCertificateShouldSay) {
  const EvpPkey key = ec_key();
  const auto refused = [&](auto change, const std::string& why) {
    crypto::ParsedCsr csr = request(key.get());
    change(csr);
    EXPECT_THAT([&] { certificate_spec(csr, profile(), kIssuerEnds, kNow); },
                ThrowsErrc(Errc::kInvalidArgument, why));
  };
  refused([](auto& c) { c.signature_valid = false; }, "signature");
  refused([](auto& c) { c.is_ca = true; }, "CA certificate");
  refused([](auto& c) { c.sans.ip = {"10.0.0.1"}; }, "not DNS names");
  refused([](auto& c) { c.sans.other = 1; }, "not DNS names");
  refused(
      [](auto& c) {
        c.name = {};
        c.sans = {};
      },
      "no name");
  IssueProfile nothing = profile();
  nothing.max_validity = {};
  EXPECT_THAT([&] { certificate_spec(request(key.get()), nothing, kIssuerEnds, kNow); },
              ThrowsErrc(Errc::kInvalidArgument, "no validity"));
}

}  // namespace
}  // namespace poolkey::requests
