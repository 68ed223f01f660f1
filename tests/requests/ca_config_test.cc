#include "requests/ca/config.h"

#include "base/file.h"
#include "requests/ca/sign.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using test::ThrowsErrc;
using testing::ElementsAre;

std::string example() { return read_file(POOLKEY_SOURCE_DIR "/docs/ca.toml"); }

KeyVersion issuing(std::uint32_t version) { return {KeyName("issuing-ca"), version}; }

/// The example with one text replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = example();
  const std::size_t at = text.find(from);
  if (at == text.npos) throw Error(Errc::kInternal, "docs/ca.toml no longer says " + from);
  return text.replace(at, from.size(), to);
}

TEST(CaConfigTest, ReadsTheExample) {
  const CaConfig config = parse_ca_config(example(), "ca.toml");
  EXPECT_TRUE(config.configured());
  EXPECT_EQ(config.crl_validity, Days(7));
  EXPECT_EQ(config.crl_overlap, std::chrono::hours(48));
  EXPECT_EQ(config.folder, "/var/lib/poolkey/pki");
  ASSERT_EQ(config.profiles.size(), 2U);
  const CaProfile& web = config.profile("web-server");
  EXPECT_EQ(web.max, Days(199));
  EXPECT_THAT(web.suffixes, ElementsAre("contoso.com", "contoso.net"));
  EXPECT_THAT(web.extended_key_usage, ElementsAre(std::string(crypto::kServerAuth)));
  EXPECT_EQ(web.organization, "Contoso");
  EXPECT_THAT([&] { (void)config.profile("mail"); },
              ThrowsErrc(Errc::kNotFound, "'web-server', 'device'"));
}

TEST(CaConfigTest, PointsToTheFilesOfTheIssuersKey) {
  const keys::IssuerPointers of = parse_ca_config(example(), "ca.toml").pointers(issuing(2));
  EXPECT_THAT(of.crl, ElementsAre("http://pki.contoso.com/crl/issuing-ca-2.crl"));
  EXPECT_THAT(of.ca_issuers, ElementsAre("http://pki.contoso.com/ca/issuing-ca-2.cer"));
  EXPECT_THAT(of.ocsp, ElementsAre("http://ocsp.contoso.com"));
  EXPECT_TRUE(CaConfig{}.pointers(issuing(1)).crl.empty());
  EXPECT_EQ(cross_file({KeyName("root"), 1}, {KeyName("root"), 2}), "root-1-by-root-2.cer");
}

TEST(CaConfigTest, NeedsNoMoreThanAPlaceForItsLists) {
  const CaConfig config =
      parse_ca_config("version = 1\n[publication]\ncrl = [\"http://pki.contoso.com/\"]\n", "a");
  EXPECT_THAT(config.pointers(issuing(1)).crl,
              ElementsAre("http://pki.contoso.com/issuing-ca-1.crl"));
  EXPECT_TRUE(config.profiles.empty());
}

TEST(CaConfigTest, TellsEveryFaultAtOnceAndWhere) {
  const std::string text =
      "version = 1\n"
      "[publication]\n"
      "crl = []\n"
      "ocsp = [\"https://ocsp.contoso.com\", \"http://a b.com\", \"http://ocsp\"]\n"
      "folder = \"pki\"\n"
      "[crl]\n"
      "days = 2\n"
      "overlap_hours = 48\n"
      "[profile.web]\n"
      "max_days = 0\n"
      "key_usage = [\"keyCertSign\"]\n"
      "extended_key_usage = [\"OCSPSigning\"]\n"
      "lint = \"strict\"\n"
      "allowed_suffixes = []\n"
      "key_algorithms = [\"RSA-1024\"]\n"
      "colour = 1\n";
  for (const char* part :
       {"a.toml:2:2: 'publication.crl' names no URL", "a.toml:4:9: 'publication.ocsp'",
        "a.toml:5:1: 'publication.folder'", "a.toml:8:1: 'crl.overlap_hours'",
        "a.toml:10:1: 'profile.web.max_days'", "'keyCertSign' is for CAs",
        "'OCSPSigning' would let a stranger", "a.toml:13:1: 'profile.web.lint'",
        "a.toml:14:1: 'profile.web.allowed_suffixes' is empty", "'RSA-1024' is no key algorithm",
        "a.toml:16:1"})
    EXPECT_THAT([&] { parse_ca_config(text, "a.toml"); }, ThrowsErrc(Errc::kInvalidArgument, part));
}

TEST(CaConfigTest, RefusesWhatCannotBe) {
  const auto refused = [](const std::string& from, const std::string& to, const std::string& why) {
    EXPECT_THAT([&] { parse_ca_config(changed(from, to), "ca.toml"); },
                ThrowsErrc(Errc::kInvalidArgument, why))
        << to;
  };
  refused("version = 1", "version = 2", "version");
  refused("profile.device", "profile.\"Client 1\"", "Client 1");
  for (const char* name : {"pool", "service", "member", "client"})
    refused("profile.device", "profile." + std::string(name), "choose another name");
  refused("service_days = 90", "service_days = 399", "client_certificates.service_days");
  refused("http://pki.contoso.com/crl", "http://pki.contoso.com/crl?a=1", "query");
  refused("http://pki.contoso.com/crl", "ldap://pki.contoso.com", "http://");
  refused("response_hours = 24", "response_hours = 720", "ocsp.response_hours");
  refused("\"clients.contoso.net\"", "\"*.contoso.net\"", "no domain name");
  refused("[publication]", "[publishing]", "publi");
}

TEST(PublicLimitTest, ChangesOnTheDaysOfTheBaselineRequirements) {
  const auto days = [](std::string_view at) { return public_limit(parse_rfc3339(at)).count(); };
  EXPECT_EQ(days("2026-03-14T23:59:59Z"), 398);
  EXPECT_EQ(days("2026-03-15T00:00:00Z"), 200);
  EXPECT_EQ(days("2027-03-14T23:59:59Z"), 200);
  EXPECT_EQ(days("2027-03-15T00:00:00Z"), 100);
  EXPECT_EQ(days("2029-03-14T23:59:59Z"), 100);
  EXPECT_EQ(days("2029-03-15T00:00:00Z"), 47);
}

}  // namespace
}  // namespace poolkey::requests
