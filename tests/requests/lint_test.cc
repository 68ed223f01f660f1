#include "requests/lint/lint.h"

#include <set>

#include "requests/a_label.h"
#include "tests/requests/lint_subjects.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using crypto::KeyUsage;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

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
  EXPECT_THAT(with_name("SIP.contoso.com"), Contains("san.twice=warn"));
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
  EXPECT_THAT(usage({KeyUsage::kDigitalSignature, KeyUsage::kNonRepudiation,
                     KeyUsage::kKeyAgreement, KeyUsage::kDataEncipherment}),
              ElementsAre("ku.forbidden=error", "ku.forbidden=error", "ku.discouraged=warn"));
  EXPECT_THAT(found_after([](auto& c) { c.key_usage_critical = false; }),
              ElementsAre("ku.not-critical=warn"));
  EXPECT_THAT(found_after([](auto& c) { c.extended_key_usage.emplace_back(crypto::kOcspSigning); }),
              ElementsAre("eku.forbidden=error"));
  EXPECT_THAT(found_after([](auto& c) { c.is_ca = true; }), Contains("ca.requested=error"));
  EXPECT_THAT(found_after([](auto& c) { c.eku_critical = true; }), Contains("eku.critical=error"));
  EXPECT_THAT(found_after([](auto& c) { c.extended_key_usage = {"2.5.29.37.0"}; }),
              Contains("eku.any=error"));
  EXPECT_THAT(found_after([](auto& c) { c.extended_key_usage.emplace_back("1.2.3"); }),
              Contains("eku.other=warn"));
  crypto::ParsedCsr ec = good_ec();
  ec.key_usage = {KeyUsage::kDigitalSignature, KeyUsage::kKeyAgreement,
                  KeyUsage::kDataEncipherment};
  EXPECT_THAT(found(external(ec), Profile::kPublicBr),
              ElementsAre("ku.forbidden=error", "ku.discouraged=warn"));
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

TEST(LintTest, HoldsNamesToTheRegistries) {
  const auto with_name = [](const std::string& name) {
    return found_after([&](auto& c) { c.sans.dns.push_back(name); });
  };
  EXPECT_THAT(with_name("10.155.107.131.in-addr.arpa"), ElementsAre("name.arpa=error"));
  EXPECT_THAT(with_name("edge.contoso.zz"), ElementsAre("name.tld=error"));
  EXPECT_THAT(with_name("edge.contoso.c0m"), ElementsAre("name.tld=error"));
  for (const char* name : {"edge.contoso.de", "edge.contoso.UK", "edge.contoso.travel",
                           "edge.contoso.xn--p1ai", "*.contoso.co.uk"})
    EXPECT_THAT(with_name(name), Not(Contains(HasSubstr("error")))) << name;
  EXPECT_THAT(with_name("xn--99999999.contoso.com"), ElementsAre("name.a-label=error"));
  EXPECT_THAT(with_name("*.co.uk"), ElementsAre("name.public-suffix=warn"));
  EXPECT_THAT(with_name("co.uk"), ElementsAre("name.public-suffix=warn"));
  EXPECT_THAT(with_name("Edge.contoso.com"), ElementsAre("name.upper-case=info"));
  EXPECT_THAT(with_name("SIP.contoso.com"), ElementsAre("name.upper-case=info", "san.twice=warn"));
  const auto with_address = [](const std::string& address) {
    return found_after([&](auto& c) { c.sans.ip = {address}; });
  };
  for (const char* address : {"10.1.2.3", "172.31.0.1", "100.127.255.255", "255.255.255.255", "::1",
                              "fe80::1", "fd00::1", "2001:db8::1"})
    EXPECT_THAT(with_address(address), ElementsAre("san.ip=warn", "san.ip-reserved=error"))
        << address;
  for (const char* address : {"131.107.155.10", "172.32.0.1", "100.128.0.1", "2603:1030::1"})
    EXPECT_THAT(with_address(address), ElementsAre("san.ip=warn")) << address;
}

/// RFC 3492 section 7.1, and labels that no encoder makes.
TEST(ALabelTest, DecodesToUnicode) {
  for (const char* label :
       {"xn--bcher-kva", "XN--BCHER-KVA", "xn--p1ai", "xn--egbpdaj6bu4bxfgehfvwxn",
        "xn--ihqwcrb4cv8a8dqg056pqjye", "xn--PorqunopuedensimplementehablarenEspaol-fmd56a",
        "xn--3B-ww4c5e180e575a65lsy2b", "xn--MajiKoi5-783gue6qz075azm5e"})
    EXPECT_TRUE(is_a_label(label)) << label;
  for (const char* label : {"", "bcher-kva", "xn--", "xn--bcher-", "xn---kva", "xn--bcher-kv!",
                            "xn--99999999", "xn--bcher-kva9", "xn--zzzzzzzzzzzzzzzzzzzz"})
    EXPECT_FALSE(is_a_label(label)) << label;
}

TEST(LintTest, TakesNoMoreTimeAndWordsThanItMust) {
  crypto::ParsedCsr csr = good();
  for (int i = 0; i < 10000; ++i) {
    csr.sans.dns.push_back("x" + std::to_string(i / 2) + ".contoso.com");
    csr.common_names.push_back("y" + std::to_string(i) + ".contoso.com");
    csr.attributes.push_back({"1.2." + std::to_string(i), "z", crypto::StringKind::kUtf8, i + 9});
  }
  const auto start = std::chrono::steady_clock::now();
  const auto findings = lint(LintSubject(csr), Profile::kPublicBr, kNow);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  EXPECT_EQ(findings.size(), 3 * 16 + 1U);
  EXPECT_EQ(
      findings[15].message,
      "the common name is not in the SAN, octet for octet: 'y15.contoso.com' (and 9984 more)");
}

/// A request with exactly these parts of a subject, in their order; "+" begins one that shares the
/// RDN before.
std::vector<std::string> with_subject(const std::vector<std::pair<std::string, std::string>>& parts,
                                      int type = MBSTRING_UTF8) {
  const EvpPkey key = ec_key();
  const X509ReqPtr request(X509_REQ_new());
  const X509NamePtr name(X509_NAME_new());
  for (const auto& [field, value] : parts) {
    const bool joins = field.starts_with('+');
    const int kind = field == "C" || field == "DC" ? MBSTRING_UTF8 : type;
    EXPECT_EQ(X509_NAME_add_entry_by_txt(name.get(), field.c_str() + (joins ? 1 : 0), kind,
                                         reinterpret_cast<const unsigned char*>(value.data()),
                                         static_cast<int>(value.size()), -1, joins ? -1 : 0),
              1);
  }
  X509_REQ_set_subject_name(request.get(), name.get());
  X509_REQ_set_pubkey(request.get(), key.get());
  EXPECT_GT(X509_REQ_sign(request.get(), key.get(), EVP_sha256()), 0);
  std::vector<std::string> out;
  for (const std::string& finding : found(
           LintSubject(crypto::parse_csr(to_der<i2d_X509_REQ>(request.get()))), Profile::kPublicBr))
    if (finding.starts_with("subject.")) out.push_back(finding);
  return out;
}

TEST(LintTest, HoldsTheSubjectToItsRules) {
  EXPECT_THAT(with_subject({{"C", "US"},
                            {"ST", "Washington"},
                            {"L", "Redmond"},
                            {"O", "Contoso"},
                            {"CN", "sip.contoso.com"}}),
              IsEmpty());
  EXPECT_THAT(with_subject({{"C", "UK"}}), ElementsAre("subject.country=error"));
  EXPECT_THAT(with_subject({{"C", "us"}}), ElementsAre("subject.country=error"));
  EXPECT_THAT(with_subject({{"L", "-"}}), ElementsAre("subject.filler=error"));
  EXPECT_THAT(with_subject({{"ST", "N/A"}}), ElementsAre("subject.filler=error"));
  EXPECT_THAT(with_subject({{"L", "Redmond "}}), ElementsAre("subject.blank=warn"));
  EXPECT_THAT(with_subject({{"C", "US"}, {"O", "Contoso"}, {"L", "Redmond"}}),
              ElementsAre("subject.order=warn"));
  EXPECT_THAT(with_subject({{"L", "Redmond"}, {"L", "Bellevue"}}),
              ElementsAre("subject.twice=error"));
  EXPECT_THAT(with_subject({{"DC", "com"}, {"DC", "contoso"}}), IsEmpty());
  EXPECT_THAT(with_subject({{"L", "Redmond"}, {"+street", "1 Microsoft Way"}}),
              ElementsAre("subject.several-in-one=error"));
  EXPECT_THAT(with_subject({{"L", "Redmond"}}, V_ASN1_T61STRING),
              ElementsAre("subject.encoding=error"));
  EXPECT_THAT(with_subject({{"emailAddress", "a@contoso.com"}}),
              ElementsAre("subject.foreign=warn"));
  EXPECT_THAT(with_subject({{"O", "Contoso"}}), ElementsAre("subject.organization-alone=warn"));
  EXPECT_THAT(with_subject({{"OU", "IT"}}), ElementsAre("subject.ou=error"));
}

TEST(LintTest, JudgesWhatTheCallerStates) {
  LintSubject subject = external(good());
  subject.key_exportable = true;
  subject.profile_has_cdp = true;
  EXPECT_THAT(found(subject, Profile::kLync), IsEmpty());
  subject.key_exportable = false;
  subject.profile_has_cdp = false;
  EXPECT_THAT(found(subject, Profile::kLync),
              ElementsAre("key.not-exportable=error", "profile.no-cdp=warn"));
  EXPECT_THAT(found(subject, Profile::kPublicBr), IsEmpty());
  subject.pool->role = Role::kEdgeInternal;
  EXPECT_THAT(found(subject, Profile::kLync), Not(Contains("key.not-exportable=error")));
}

TEST(LintTest, ListsEveryRuleOnce) {
  std::set<std::string_view> ids;
  for (const RuleText& rule : rule_texts()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_FALSE(rule.severities.empty()) << rule.id;
    EXPECT_FALSE(rule.message.empty() || rule.fix.empty() || rule.source.empty()) << rule.id;
  }
  EXPECT_TRUE(ids.contains("key.roca"));
  EXPECT_TRUE(ids.contains("profile.no-cdp"));
}

TEST(LintTest, HoldsRequestsAgainstTheirPool) {
  const auto lync = [](auto change) { return found_after(change, Profile::kLync); };
  EXPECT_THAT(lync([](auto& c) { c.common_names = {"webcon.contoso.com"}; }),
              Contains("edge.cn-external=warn"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.pop_back(); }), Contains("edge.name-missing=error"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.emplace_back("www.contoso.com"); }),
              Contains("edge.name-unknown=warn"));
  EXPECT_THAT(lync([](auto& c) { c.sans.dns.back() = "SIP.FABRIKAM.COM"; }),
              ElementsAre("name.upper-case=info"));
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
