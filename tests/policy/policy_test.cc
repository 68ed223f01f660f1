// Reading a policy file: what it says, and what is said of a faulty one.
#include "policy/policy.h"

#include "policy/engine.h"

#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

using poolkey::test::ThrowsErrc;
using testing::HasSubstr;

/// The report on a faulty text; empty if it has no fault.
std::string report(const std::string& text) {
  try {
    parse_policy(text, kFile);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    return error.what();
  }
  return "";
}

std::string report_with(const std::string& from, const std::string& to) {
  return report(with(kSample, from, to));
}

TEST(PolicyTest, ReadsEveryValueWithItsPlace) {
  const Policy p = sample();
  EXPECT_EQ(p.name(), "sample");
  EXPECT_EQ(p.algorithm_name(), "RSA-2048");
  EXPECT_EQ(p.size_location(), (Location{kFile, 7, 1}));
  EXPECT_EQ(p.key().usages.value.size(), 3U);
  EXPECT_EQ(p.key().usages.value[1].value, Usage::kCsr);
  EXPECT_EQ(p.key().usages.value[1].where, (Location{kFile, 8, 18}));
  EXPECT_EQ(p.exports().mode.where, (Location{kFile, 12, 1}));
  EXPECT_EQ(p.exports().wrapped->max_recipients.value, 3U);
  EXPECT_EQ(p.lifetime().certificate.value, Days(199));
  EXPECT_EQ(p.lifetime().token->value, std::chrono::hours(8));
  EXPECT_FALSE(p.issue());
}

TEST(PolicyTest, KeepsTheExactText) {
  const std::string text = std::string("# a comment\n") + kSample + "\n\n# the end";
  EXPECT_EQ(parse_policy(text, kFile).text(), text);
  EXPECT_EQ(parse_policy(text, kFile).file(), kFile);
}

TEST(PolicyTest, ReadsAnEcKeyThatStaysWhereItIs) {
  const Policy p = parse_policy(unexported_text(), kFile);
  EXPECT_EQ(p.algorithm_name(), "EC-P-256");
  EXPECT_FALSE(p.exports().wrapped);
}

TEST(PolicyTest, ReportsAllFaultsOfAFileAtOnceInFileOrder) {
  std::string text = with(kSample, "bits = 2048", "bits = 1024");
  text = with(text, "\"tls\", \"csr\"", "\"tls\", \"crs\"");
  text = with(text, "signing =", "singing =");
  text = with(text, "max_recipients = 3", "max_recipients = \"three\"");
  text = with(text, "certificate_days = 199", "certificate_days = 1999");
  text = with(text, "hash = \"sha256\"", "hash = \"md5\"");
  EXPECT_EQ(
      report(text),
      "policy policies/sample.toml has 8 faults\n"
      "  policies/sample.toml:5:2: 'key.signing' is missing\n"
      "  policies/sample.toml:7:1: 'key.bits' is 1024; it must be one of 2048, 3072, 4096\n"
      "  policies/sample.toml:8:18: 'key.usages' has 'crs'; it must be one of 'tls', 'csr', "
      "'proof', 'certificate', 'envelope', 'audit', 'revocation', 'decrypt', 'derive'\n"
      "  policies/sample.toml:9:1: unknown key 'key.singing'; did you mean 'signing'?\n"
      "  policies/sample.toml:15:1: 'export.max_recipients' must be an integer from 1 to 1000\n"
      "  policies/sample.toml:20:1: certificate_days is 1999 but the key lives 398 days "
      "(key_days); a certificate cannot outlive its key\n"
      "  policies/sample.toml:20:1: certificate_days is 1999 but public CAs issue at most 200 "
      "days since 2026-03-15; lower it, or remove 'public' from ca.allowed\n"
      "  policies/sample.toml:30:1: 'request.hash' is 'md5'; it must be one of 'sha256', "
      "'sha384'");
}

TEST(PolicyTest, ReportsOneFaultForOneMistake) {
  // What follows from an unreadable value is not a second fault.
  EXPECT_THAT(report_with("\"proof\"]", "\"prof\"]"), HasSubstr("has 1 fault\n"));
  EXPECT_THAT(report_with("algorithm = \"rsa\"", "algorithm = \"dsa\""),
              HasSubstr("has 1 fault\n"));
  EXPECT_THAT(report_with("key_days = 398", "key_days = true"), HasSubstr("has 1 fault\n"));
  EXPECT_THAT(report_with("[ca]\nallowed = [\"internal\", \"public\"]\n", ""),
              HasSubstr("has 1 fault\n  policies/sample.toml:1:1: 'ca' is missing"));
}

TEST(PolicyTest, SuggestsTheNearestKeyForAnUnknownOne) {
  EXPECT_THAT(report_with("re_export", "re_exprot"), HasSubstr("did you mean 're_export'?"));
  EXPECT_THAT(report_with("[ca]", "[caa]"), HasSubstr("unknown key 'caa'; did you mean 'ca'?"));
}

TEST(PolicyTest, RefusesAnotherVersionWithoutGuessingAtTheRest) {
  EXPECT_EQ(report(with(with(kSample, "version = 1", "version = 2"), "[key]", "[keys]")),
            "policy policies/sample.toml has 1 fault\n"
            "  policies/sample.toml:1:1: 'version' is 2; this poolkey reads version 1");
  EXPECT_THAT(report_with("version = 1\n", ""), HasSubstr("'version' is missing"));
}

TEST(PolicyTest, ReportsASyntaxErrorAlone) {
  EXPECT_THAT(report_with("bits = 2048", "bits = "),
              testing::AllOf(HasSubstr("has 1 fault"), HasSubstr("policies/sample.toml:7:")));
}

TEST(PolicyTest, RefusesWrongTypes) {
  EXPECT_THAT(report_with("re_export = false", "re_export = \"no\""),
              HasSubstr("16:1: 'export.re_export' must be true or false"));
  EXPECT_THAT(report_with("roles = [\"edge-external\"]", "roles = \"edge-external\""),
              HasSubstr("25:1: 'request.roles' must be a list of strings"));
  EXPECT_THAT(report_with("name = \"sample\"", "name = \"A sample\""), HasSubstr("2:1: 'name'"));
  EXPECT_THAT(report_with("name = \"sample\"", "name = \"\""), HasSubstr("2:1: 'name'"));
  EXPECT_THAT(report_with("\"edge\", ", "\"Edge!\", "), HasSubstr("14:15: 'Edge!' is not a pool"));
}

TEST(PolicyTest, RefusesListsThatAreEmptyOrRepeatThemselves) {
  EXPECT_THAT(report_with("roles = [\"edge-external\"]", "roles = []"),
              HasSubstr("25:1: 'request.roles' is empty"));
  EXPECT_THAT(report_with("\"edge\", \"proxy\"", "\"edge\", \"edge\""),
              HasSubstr("14:23: 'export.recipients' has 'edge' twice"));
  EXPECT_EQ(report_with("extended_key_usage = [\"serverAuth\"]", "extended_key_usage = []"), "");
}

struct Contradiction {
  std::string name;
  std::string from;
  std::string to;
  std::string fault;  ///< line:column and a part of the sentence
};

void PrintTo(const Contradiction& c, std::ostream* out) { *out << c.name; }

class ContradictionTest : public testing::TestWithParam<Contradiction> {};

TEST_P(ContradictionTest, IsAFaultAtItsPlace) {
  const auto& c = GetParam();
  EXPECT_THAT(report_with(c.from, c.to), HasSubstr("policies/sample.toml:" + c.fault));
}

const Contradiction kContradictions[] = {
    {"RsaWithCurve", "bits = 2048", "bits = 2048\ncurve = \"P-256\"", "8:1: 'key.curve' is for"},
    {"RsaWithoutBits", "bits = 2048\n", "", "5:2: 'key.bits' is missing"},
    {"EcWithBits", "\"rsa\"", "\"ec\"", "7:1: 'key.bits' is for"},
    {"EcWithoutCurve", "\"rsa\"\nbits = 2048", "\"ec\"", "5:2: 'key.curve' is missing"},
    {"EcThatDecrypts", "\"rsa\"\nbits = 2048\nusages = [",
     "\"ec\"\ncurve = \"P-256\"\nusages = [\"decrypt\", ", "8:11: usage 'decrypt' needs an RSA"},
    {"RsaThatDerives", "usages = [", "usages = [\"derive\", ", "8:11: usage 'derive' needs an EC"},
    {"NoneWithSuites", "mode = \"wrapped\"", "mode = \"none\"",
     "13:1: 'export.suites' contradicts"},
    {"NoneWithRecipients", "mode = \"wrapped\"", "mode = \"none\"",
     "14:1: 'export.recipients' contradicts"},
    {"NoneWithMaxRecipients", "mode = \"wrapped\"", "mode = \"none\"",
     "15:1: 'export.max_recipients' contradicts"},
    {"NoneWithReExport", "mode = \"wrapped\"", "mode = \"none\"",
     "16:1: 'export.re_export' contradicts"},
    {"NoneWithStandby", "mode = \"wrapped\"", "mode = \"none\"\nstandby = [\"reserve\"]",
     "13:1: 'export.standby' contradicts"},
    {"NoneWithSoftwareRecipients", "mode = \"wrapped\"",
     "mode = \"none\"\nsoftware_recipients = [\"edge/edge1\"]",
     "13:1: 'export.software_recipients' contradicts"},
    {"NoneForAnEdgePool", "mode = \"wrapped\"", "mode = \"none\"",
     "25:10: role 'edge-external' needs export.mode 'wrapped'"},
    {"WrappedWithoutSuites", "suites = [\"rsa-oaep-sha256+aes256-kwp\"]\n", "",
     "11:2: 'export.suites' is missing"},
    {"WrappedWithoutRecipients", "recipients = [\"edge\", \"proxy\"]\n", "",
     "11:2: 'export.recipients' is missing"},
    {"WrappedWithoutProof", ", \"proof\"", "", "8:1: a key with export.mode 'wrapped' needs"},
    {"AnyPoolBesideNames", "\"edge\", \"proxy\"", "\"edge\", \"*\"",
     "14:1: 'export.recipients' has '*' beside names"},
    {"CertificateOutlivesKey", "key_days = 398", "key_days = 198",
     "20:1: certificate_days is 199 but the key lives 198"},
    {"OverlapAsLongAsCertificate", "overlap_hours = 24", "overlap_hours = 4776",
     "21:1: overlap_hours is 4776 but a certificate lives 4776"},
    {"TokenAsLongAsCertificate",
     "certificate_days = 199\noverlap_hours = 24\ntoken_lifetime_hours = 8",
     "certificate_days = 1\noverlap_hours = 23\ntoken_lifetime_hours = 24",
     "22:1: token_lifetime_hours is 24 but a certificate lives 24"},
    {"TokenLongerThanOverlap", "token_lifetime_hours = 8", "token_lifetime_hours = 25",
     "22:1: token_lifetime_hours is 25 but the overlap is 24"},
    {"PublicCaWithoutCsr", "\"csr\", ", "", "33:24: a public CA wants a CSR"},
    {"PublicCaWithoutItsLint", "\"public-br\"", "\"lync\"", "33:24: 'public' needs lint profile"},
    {"PublicCaForTooLong", "certificate_days = 199", "certificate_days = 201",
     "20:1: certificate_days is 201 but public CAs"},
    {"PublicLintWithUnit", "\"forbidden\"", "\"allowed\"",
     "29:1: lint profile 'public-br' forbids"},
    {"CertSignWithoutUsage", "key_usage = [\"d", "key_usage = [\"keyCertSign\", \"d",
     "27:14: 'keyCertSign' is for a key that signs certificates"},
    {"CrlSignWithoutUsage", "key_usage = [\"d", "key_usage = [\"cRLSign\", \"d",
     "27:14: 'cRLSign' is for a key that signs certificates"},
    {"CertificateUsageWithoutIssue", "usages = [", "usages = [\"certificate\", ",
     "8:11: usage 'certificate' needs the table [issue]"},
    {"IssueWithoutCertificateUsage", "[ca]", "[issue]\npath_length = 0\nmax_days = 9\n[ca]",
     "34:1: [issue] needs usage 'certificate'"},
};

INSTANTIATE_TEST_SUITE_P(Every, ContradictionTest, testing::ValuesIn(kContradictions),
                         [](const auto& c) { return c.param.name; });

TEST(PolicyTest, ReadsABackupAndStandbysWhereTheyStand) {
  EXPECT_FALSE(sample().key().require_backup.value);
  EXPECT_TRUE(sample().exports().wrapped->standbys.value.empty());
  const Policy policy =
      parse_policy(with(with(kSample, "\n[export]", "require_backup = true\n[export]"),
                        "re_export = false", "re_export = false\nstandby = [\"reserve\"]"),
                   kFile);
  EXPECT_EQ(policy.key().require_backup.where.str(), "policies/sample.toml:10:1");
  EXPECT_EQ(policy.exports().wrapped->standbys.value.at(0).where.str(),
            "policies/sample.toml:17:12");
  EXPECT_THAT(report_with("re_export = false", "re_export = false\nstandby = [\"Re serve\"]"),
              HasSubstr("has 1 fault"));
}

TEST(PolicyTest, ReadsWhoMayReceiveInSoftware) {
  EXPECT_TRUE(sample().exports().wrapped->software_recipients.value.empty());
  const auto report_of = [](const std::string& list) {
    return report_with("re_export = false", "re_export = false\nsoftware_recipients = " + list);
  };
  EXPECT_EQ(report_of("[\"edge/edge1\", \"edge/edge2\"]"), "");
  EXPECT_THAT(report_of("[\"edge1\"]"),
              HasSubstr("17:24: 'export.software_recipients' has 'edge1'; "
                        "write POOL/MEMBER"));
  EXPECT_THAT(report_of("[\"edge/Edge 1\"]"), HasSubstr("has 1 fault"));
  EXPECT_THAT(report_of("[\"edge/edge1\", \"edge/edge1\"]"), HasSubstr("twice"));
}

TEST(PolicyTest, RefusesABackupBeforeTheOriginsOwnCertificates) {
  const std::string text = with(kSample, "\n[export]", "require_backup = true\n[export]");
  EXPECT_EQ(report(text), "");
  EXPECT_THAT(report(with(text, "\"edge-external\"]", "\"edge-external\", \"audit-signer\"]")),
              HasSubstr("sample.toml:10:1: role 'audit-signer' is the origin's own"));
}

TEST(PolicyTest, ABackupIsAskedOfAKeyThatNeverLeavesItsToken) {
  const Policy policy =
      parse_policy(with(unexported_text(), "\n[export]", "require_backup = true\n[export]"), kFile);
  Facts facts{.action = Action::kInstall, .key = parse_key_version("own@1")};
  facts.role = Role::kFrontEnd;
  facts.ca = CaKind::kInternal;
  facts.validity = Days(1);
  const Decision decision = Engine::decide(policy, facts);
  ASSERT_TRUE(std::holds_alternative<Denial>(decision));
  EXPECT_EQ(std::get<Denial>(decision).rule, "key.require_backup");
  EXPECT_THAT(std::get<Denial>(decision).sentence,
              testing::AllOf(HasSubstr("origin backup"), Not(HasSubstr("standby"))));
  facts.safeguarded = true;
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(policy, facts)));
}

TEST(PolicyTest, RefusesAnEcKeyThatEnciphers) {
  const std::string ec =
      with(kSample, "algorithm = \"rsa\"\nbits = 2048", "algorithm = \"ec\"\ncurve = \"P-256\"");
  EXPECT_THAT(report(with(ec, "key_usage = [", "key_usage = [\"keyEncipherment\", ")),
              HasSubstr("27:14: an EC key cannot encipher"));
}

TEST(PolicyTest, RefusesToIssueForLongerThanTheSignerLives) {
  const std::string text = with(kSample, "usages = [", "usages = [\"certificate\", ") +
                           "[issue]\npath_length = 0\nmax_days = 399\n";
  EXPECT_THAT(report(text), HasSubstr("36:1: issue.max_days is 399 but the signing key"));
  EXPECT_EQ(report(with(text, "399", "398")), "");
}

}  // namespace
}  // namespace poolkey::policy::test
