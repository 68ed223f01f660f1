// Runs the csr_lint_vectors of tests/data/edge.json through real requests.
#include <map>

#include "tests/requests/debian.h"
#include "tests/requests/lint_subjects.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;

EvpPkey key_for(const std::string& what, unsigned exponent) {
  if (what == "EC-P256") return ec_key("P-256");
  if (what == "RSA-2048 Debian CVE-2008-0166")
    return private_key(crypto::debian_key(2048, {.process = 1000}));
  if (what == "RSA-PSS") return rsa_key(2048, 65537, "RSA-PSS");
  // No RSA key has an even exponent: that vector's is put into the parsed request.
  return rsa_key(static_cast<unsigned>(std::stoul(what.substr(4))),
                 exponent % 2 == 0 ? 65537 : exponent);
}

/// A request signed with an algorithm that build_csr refuses to use.
Bytes signed_again(const Bytes& der, EVP_PKEY* key, const EVP_MD* digest) {
  const auto request = from_der<X509ReqPtr, d2i_X509_REQ>(der);
  EXPECT_GT(X509_REQ_sign(request.get(), key, digest), 0);
  return to_der<i2d_X509_REQ>(request.get());
}

crypto::ParsedCsr request_for(const json::object& vector) {
  const json::object& wanted = json::as_object(vector, "request", "vector");
  const auto exponent =
      wanted.contains("e") ? static_cast<unsigned>(json::integer(wanted, "e", "vector")) : 65537U;
  const std::string what =
      wanted.contains("key") ? json::text(wanted, "key", "vector") : "RSA-2048";
  static std::map<std::pair<std::string, unsigned>, EvpPkey> keys;
  EvpPkey& key = keys[{what, exponent}];
  if (!key) key = key_for(what, exponent);
  crypto::CsrSpec spec;
  if (wanted.contains("cn") && wanted.at("cn").is_string())
    spec.subject.common_name = json::text(wanted, "cn", "vector");
  if (wanted.contains("ou")) spec.subject.organizational_unit = json::text(wanted, "ou", "vector");
  spec.dns_sans = strings(wanted, "san");
  spec.extended_key_usage = strings(wanted, "eku");
  Bytes der = crypto::build_csr(spec, key.get());
  if (wanted.contains("sig") && json::text(wanted, "sig", "vector") == "sha1WithRSAEncryption")
    der = signed_again(der, key.get(), EVP_sha1());
  crypto::ParsedCsr csr = crypto::parse_csr(der);
  EXPECT_TRUE(csr.signature_valid);
  csr.sans.ip = strings(wanted, "san_ip");
  if (exponent % 2 == 0)
    csr.public_key = crypto::PublicKey::from_rsa(csr.public_key.modulus(),
                                                 Bytes{static_cast<std::uint8_t>(exponent)});
  return csr;
}

std::string verdict(const LintSubject& subject, Profile profile, Time now) {
  const std::optional<Severity> gravest = worst(lint(subject, profile, now));
  return gravest ? std::string(name(*gravest)) : "pass";
}

std::string report(const LintSubject& subject, Profile profile) {
  std::string out;
  for (const Finding& finding : lint(subject, profile, kNow))
    out += finding.rule + ": " + finding.message + "\n";
  return out;
}

TEST(LintVectorsTest, GiveTheVerdictsOfTheFixture) {
  int run = 0;
  const json::value fixture = edge_fixture();
  for (const json::value& item :
       json::as_array(fixture.as_object(), "csr_lint_vectors", "edge.json")) {
    const json::object& vector = item.as_object();
    const std::string id = json::text(vector, "id", "vector");
    SCOPED_TRACE(id);
    const LintSubject subject = external(request_for(vector));
    const std::string public_br = json::text(vector, "verdict_public_br", "vector");
    if (public_br == "warn-until-2027-03-15-then-error") {
      EXPECT_EQ(verdict(subject, Profile::kPublicBr, at("2027-03-14T23:59:59Z")), "warn");
      EXPECT_EQ(verdict(subject, Profile::kPublicBr, at("2027-03-15T00:00:00Z")), "error");
    } else {
      EXPECT_EQ(verdict(subject, Profile::kPublicBr, kNow), public_br)
          << report(subject, Profile::kPublicBr);
    }
    EXPECT_EQ(verdict(subject, Profile::kLync, kNow), json::text(vector, "verdict_lync", "vector"))
        << report(subject, Profile::kLync);
    ++run;
  }
  EXPECT_EQ(run, 25);
}

}  // namespace
}  // namespace poolkey::requests
