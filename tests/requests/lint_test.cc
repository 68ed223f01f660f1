#include "requests/lint/lint.h"

#include "crypto/csr.h"
#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using crypto::KeyUsage;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Time kNow = at("2026-11-22T00:00:00Z");

crypto::CsrSpec good_spec() {
  crypto::CsrSpec out;
  out.subject.common_name = "sip.contoso.com";
  out.dns_sans = {"sip.contoso.com", "webcon.contoso.com", "sip.fabrikam.com"};
  out.key_usage = {KeyUsage::kDigitalSignature, KeyUsage::kKeyEncipherment};
  out.extended_key_usage = {std::string(crypto::kServerAuth)};
  return out;
}

LintSubject external(crypto::ParsedCsr csr) {
  return {std::move(csr), edge_context(Role::kEdgeExternal)};
}

LintSubject internal(const std::string& common_name) {
  crypto::CsrSpec spec;
  spec.subject.common_name = common_name;
  return {crypto::parse_csr(crypto::build_csr(spec, rsa_key().get())),
          edge_context(Role::kEdgeInternal)};
}

/// A good request, parsed; tests spoil one thing in it.
crypto::ParsedCsr good() {
  static const EvpPkey key = rsa_key();
  return crypto::parse_csr(crypto::build_csr(good_spec(), key.get()));
}

crypto::ParsedCsr good_ec() {
  crypto::CsrSpec spec = good_spec();
  spec.key_usage = {KeyUsage::kDigitalSignature};
  return crypto::parse_csr(crypto::build_csr(spec, ec_key().get()));
}

/// "rule=severity" of each finding.
std::vector<std::string> found(const LintSubject& subject, Profile profile) {
  std::vector<std::string> out;
  for (const Finding& finding : lint(subject, profile, kNow))
    out.push_back(finding.rule + "=" + std::string(name(finding.severity)));
  return out;
}

template <class Change>
std::vector<std::string> found_after(Change change, Profile profile = Profile::kPublicBr) {
  crypto::ParsedCsr csr = good();
  change(csr);
  return found(external(std::move(csr)), profile);
}

TEST(LintTest, FindsNothingInARequestOfOurs) {
  for (const Profile profile : {Profile::kPublicBr, Profile::kLync, Profile::kInternal})
    EXPECT_THAT(found(external(good()), profile), IsEmpty()) << policy::word(profile);
  EXPECT_THAT(found(external(good_ec()), Profile::kPublicBr), IsEmpty());
  EXPECT_THAT(found(internal("lsedge.contoso.net"), Profile::kLync), IsEmpty());
  EXPECT_THAT(found(internal("lsedge.contoso.net"), Profile::kInternal), IsEmpty());
  EXPECT_THAT(found(internal("lsedge.contoso.net"), Profile::kPublicBr),
              Contains("san.missing=error"));
}

TEST(LintTest, ExplainsWhatItFinds) {
  crypto::ParsedCsr csr = good();
  csr.sans.dns.emplace_back("my_edge\x1b[31m.contoso.com");
  const auto findings = lint(external(csr), Profile::kPublicBr, kNow);
  ASSERT_FALSE(findings.empty());
  EXPECT_EQ(findings[0].rule, "name.underscore");
  EXPECT_EQ(findings[0].message, "a name has an underscore: 'my_edge\\x1b[31m.contoso.com'");
  EXPECT_THAT(findings[0].fix, HasSubstr("rename"));
  EXPECT_THAT(findings[0].source, HasSubstr("BR"));
  EXPECT_EQ(worst(findings), Severity::kError);
  EXPECT_EQ(worst({}), std::nullopt);
}

TEST(LintTest, HoldsNamesToHostSyntax) {
  const auto with_name = [](const std::string& name) {
    return found_after([&](auto& csr) { csr.sans.dns.push_back(name); });
  };
  EXPECT_THAT(with_name("a..contoso.com"), Contains("name.syntax=error"));
  EXPECT_THAT(with_name("-a.contoso.com"), Contains("name.syntax=error"));
  EXPECT_THAT(with_name(std::string("a\0.contoso.com", 14)), Contains("name.syntax=error"));
  EXPECT_THAT(with_name(""), Contains("name.syntax=error"));
  EXPECT_THAT(with_name("131.107.155.10"), Contains("name.syntax=error"));
  EXPECT_THAT(with_name(std::string(64, 'a') + ".contoso.com"), Contains("name.syntax=error"));
  EXPECT_THAT(with_name("edge.contoso.com."), Contains("name.trailing-dot=error"));
  EXPECT_THAT(with_name("ab--cd.contoso.com"), Contains("name.reserved-label=error"));
  EXPECT_THAT(with_name("edge.contoso.local"), Contains("name.private-suffix=error"));
  EXPECT_THAT(with_name("a*.contoso.com"), Contains("name.wildcard-misplaced=error"));
  EXPECT_THAT(with_name("a.*.contoso.com"), Contains("name.wildcard-misplaced=error"));
  EXPECT_THAT(with_name("*.com"), Contains("name.wildcard-misplaced=error"));
  EXPECT_THAT(with_name("*"), Contains("name.wildcard-misplaced=error"));
  EXPECT_THAT(with_name("*.contoso.com"), IsEmpty());
  EXPECT_THAT(with_name("SIP.contoso.com"), Contains("san.repeated=warn"));
}

TEST(LintTest, AllowsPrivateSuffixesInsideWithAWarning) {
  EXPECT_THAT(found(internal("edge.contoso.local"), Profile::kInternal),
              Contains("name.private-suffix=warn"));
  const auto lync = found(internal("edge.contoso.local"), Profile::kLync);
  EXPECT_THAT(lync, Contains("name.private-suffix-inside=warn"));
  EXPECT_THAT(lync, Not(Contains("name.private-suffix=error")));
  EXPECT_THAT(found(internal("edge.contoso.local"), Profile::kPublicBr),
              Contains("name.private-suffix=error"));
}

TEST(LintTest, HoldsTheSubjectAndOtherNamesToTheRules) {
  EXPECT_THAT(found_after([](auto& c) { c.common_names.emplace_back("webcon.contoso.com"); }),
              Contains("cn.several=error"));
  EXPECT_THAT(found_after([](auto& c) { c.common_names = {std::string(65, 'a') + ".com"}; }),
              Contains("cn.too-long=error"));
  EXPECT_THAT(found_after([](auto& c) { c.common_names = {"SIP.contoso.com"}; }),
              Contains("cn.not-in-san=error"));
  EXPECT_THAT(found_after([](auto& c) { c.sans.email = {"a@contoso.com"}; }),
              Contains("san.other=error"));
  EXPECT_THAT(found_after([](auto& c) { c.sans.uri = {"sip:a@contoso.com"}; }),
              Contains("san.other=error"));
  EXPECT_THAT(found_after([](auto& c) { c.sans.other = 1; }), Contains("san.other=error"));
  EXPECT_THAT(found_after([](auto& c) { c.san_critical = true; }),
              Contains("san.criticality=error"));
  EXPECT_THAT(found_after([](auto& c) { c.subject.clear(); }), Contains("san.criticality=error"));
}

TEST(LintTest, HoldsUsagesToTheRules) {
  const auto usage = [](crypto::KeyUsages usages) {
    return found_after([&](auto& c) { c.key_usage = usages; });
  };
  EXPECT_THAT(usage({KeyUsage::kDigitalSignature, KeyUsage::kKeyCertSign}),
              Contains("ku.signs-certificates=error"));
  EXPECT_THAT(usage({KeyUsage::kDigitalSignature, KeyUsage::kCrlSign}),
              Contains("ku.signs-certificates=error"));
  EXPECT_THAT(usage({KeyUsage::kKeyEncipherment}), Contains("ku.rsa-signature=warn"));
  EXPECT_THAT(
      found_after([](auto& c) { c.key_usage = {KeyUsage::kDigitalSignature}; }, Profile::kLync),
      Contains("ku.rsa-encipherment=warn"));
  EXPECT_THAT(found_after([](auto& c) { c.is_ca = true; }), Contains("ca.requested=error"));
  EXPECT_THAT(found_after([](auto& c) { c.eku_critical = true; }), Contains("eku.critical=error"));
  EXPECT_THAT(found_after([](auto& c) { c.extended_key_usage = {"2.5.29.37.0"}; }),
              Contains("eku.any=error"));
  EXPECT_THAT(found_after([](auto& c) { c.extended_key_usage.emplace_back("1.2.3"); }),
              Contains("eku.other=warn"));
  crypto::ParsedCsr ec = good_ec();
  ec.key_usage = {KeyUsage::kKeyEncipherment};
  EXPECT_THAT(
      found(external(ec), Profile::kPublicBr),
      testing::AllOf(Contains("ku.ec-signature=error"), Contains("ku.ec-encipherment=error")));
}

TEST(LintTest, HoldsSignaturesToTheRules) {
  const auto algorithm = [](const std::string& text) {
    return found_after([&](auto& c) { c.signature_algorithm = text; });
  };
  EXPECT_THAT(algorithm("rsassaPss"), Contains("signature.pss=error"));
  EXPECT_THAT(algorithm("ecdsa-with-SHA1"), Contains("signature.sha1=error"));
  EXPECT_THAT(algorithm("md5WithRSAEncryption"), Contains("signature.algorithm=error"));
  EXPECT_THAT(algorithm("ED25519"), Contains("signature.algorithm=error"));
  EXPECT_THAT(algorithm("ecdsa-with-SHA384"), IsEmpty());
  EXPECT_THAT(found_after([](auto& c) { c.signature_valid = false; }),
              Contains("signature.invalid=error"));
}

TEST(LintTest, HoldsKeysToTheRules) {
  const Bytes n = good().public_key.modulus();
  const Bytes e{1, 0, 1};
  const auto rsa = [](const Bytes& modulus, const Bytes& exponent) {
    return found_after(
        [&](auto& c) { c.public_key = crypto::PublicKey::from_rsa(modulus, exponent); });
  };
  EXPECT_THAT(rsa(n, Bytes{1}), Contains("key.exponent-invalid=error"));
  EXPECT_THAT(rsa(n, Bytes{17}), Contains("key.exponent-unusual=warn"));
  EXPECT_THAT(rsa(Bytes(256, 0xff), e), Contains("key.small-factor=error"));
  Bytes even = n;
  even.back() &= 0xfe;
  EXPECT_THAT(rsa(even, e), Contains("key.small-factor=error"));
  Bytes odd_size = n;
  odd_size.insert(odd_size.begin(), 0x01);
  EXPECT_THAT(rsa(odd_size, e), Contains("key.rsa-size-step=error"));
  EXPECT_THAT(found_after([](auto& c) {
                c.public_key = crypto::PublicKey::from_evp(ec_key("secp256k1").get());
              }),
              Contains("key.ec-curve=error"));
  EXPECT_THAT(
      found_after([](auto& c) { c.public_key = crypto::PublicKey::from_evp(ed25519_key().get()); }),
      Contains("key.type=error"));
}

TEST(LintTest, HoldsRequestsAgainstTheirPool) {
  const auto lync = [](auto change) { return found_after(change, Profile::kLync); };
  EXPECT_THAT(lync([](auto& c) { c.common_names = {"webcon.contoso.com"}; }),
              Contains("edge.cn-external=warn"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.pop_back(); }), Contains("edge.name-missing=error"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.emplace_back("www.contoso.com"); }),
              Contains("edge.name-unknown=warn"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.back() = "SIP.FABRIKAM.COM"; }), IsEmpty());
  EXPECT_THAT(found(internal("edge.contoso.net"), Profile::kLync),
              Contains("edge.cn-internal=error"));
  Topology with_xmpp = edge_topology();
  std::get<EdgeServices>(with_xmpp.pools[0].services).xmpp.push_back({"contoso.com", {}});
  EXPECT_THAT(found({good(), pool_context(with_xmpp, PoolName("edge"), Role::kEdgeExternal)},
                    Profile::kLync),
              Contains("edge.xmpp-missing=warn"));
  EXPECT_THAT(found({good(), std::nullopt}, Profile::kLync), IsEmpty());
}

TEST(LintTest, KnowsItsProfilesByName) {
  EXPECT_EQ(parse_profile("public-br"), Profile::kPublicBr);
  EXPECT_EQ(parse_profile(policy::word(Profile::kInternal)), Profile::kInternal);
  EXPECT_THAT([] { parse_profile("br"); },
              ThrowsErrc(Errc::kInvalidArgument, "public-br, lync, internal"));
}

}  // namespace
}  // namespace poolkey::requests
