// What comes back from a CA and is not what was asked for: each kind has its sentence, and nothing
// is bound.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kNotFound = 4, kConflict = 6, kCorrupt = 11, kLeft = 20;

/// With the CA's chain imported, and a request that waits for its answer.
class AnswerTest : public testing::Test {
 protected:
  AnswerTest() {
    use_public_ca(d);
    submit(d);
    d.must("origin", import(d, {"ca/issuing.pem", "ca/root.pem"}));
  }
  /// What `accept` says of a certificate under these terms.
  Outcome answered(const Terms& terms) const {
    certify(d, "av@1.csr", "answer.pem", terms);
    d.must("origin", import(d, {"answer.pem"}));
    return d.on("origin", accept());
  }
  testing::AssertionResult refused_as(const Outcome& outcome, int status,
                                      const std::vector<std::string>& words) const {
    if (const auto as = refused(outcome, status, words); !as) return as;
    if (state_of(d) != "issued") return testing::AssertionFailure() << "it is " << state_of(d);
    if (d.count("origin", "certificate WHERE key_name = 'av'") != 0)
      return testing::AssertionFailure() << "a certificate was bound";
    return d.audit_is_whole();
  }
  const Deployment d = Deployment::at(Stage::kGenerated);
};

TEST_F(AnswerTest, ThatLacksARequestedName) {
  EXPECT_TRUE(refused_as(
      answered({.names = "DNS:sip.contoso.com,DNS:sip.fabrikam.com"}), kCorrupt,
      {"the certificate for av@1 is not accepted", "it lacks the names 'webcon.contoso.com'"}));
}

TEST_F(AnswerTest, WithANameOnTopIsAcceptedWithARemark) {
  const Outcome outcome = answered(
      {.names =
           "DNS:sip.contoso.com,DNS:sip.fabrikam.com,DNS:webcon.contoso.com,DNS:www.contoso.com"});
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.out,
              HasSubstr("remark: it has names that were not asked for: 'www.contoso.com'"));
  EXPECT_EQ(state_of(d), "accepted");
}

TEST_F(AnswerTest, WithAnotherCommonName) {
  EXPECT_TRUE(refused_as(answered({.subject = "/CN=webcon.contoso.com"}), kCorrupt,
                         {"its common name is 'webcon.contoso.com', and 'sip.contoso.com' was "
                          "asked for"}));
}

TEST_F(AnswerTest, ThatHasEnded) {
  EXPECT_TRUE(refused_as(answered({.dates = "-startdate 20260401000000Z -enddate 20260501000000Z"}),
                         kCorrupt, {"it ended at 2026-05-01T00:00:00Z"}));
}

TEST_F(AnswerTest, ThatIsValidForLongerThanTodaysLimits) {
  EXPECT_TRUE(refused_as(answered({.dates = "-days 365"}), kCorrupt,
                         {"policy allows", "validity.too-long", "public-br"}));
}

TEST_F(AnswerTest, WithoutServerAuthentication) {
  EXPECT_TRUE(refused_as(answered({.usages = "clientAuth"}), kCorrupt,
                         {"it lacks the extended key usage serverAuth"}));
}

TEST_F(AnswerTest, NamesEveryFaultAtOnce) {
  EXPECT_TRUE(refused_as(answered({.names = "DNS:a.contoso.com",
                                   .dates = "-startdate 20260401000000Z -enddate 20260501000000Z",
                                   .usages = "clientAuth"}),
                         kCorrupt, {"it lacks the names", "it ended at", "serverAuth"}));
}

TEST_F(AnswerTest, UnderAnotherRootOfTheSameName) {
  ASSERT_TRUE(succeeded(in_folder(d, "mv ca theirs")));
  make_public_ca(d);
  certify(d, "av@1.csr", "answer.pem");
  d.must("origin", import(d, {"answer.pem", "ca/issuing.pem", "ca/root.pem"}));
  EXPECT_TRUE(refused_as(d.on("origin", accept()), kCorrupt,
                         {"Public root", "does not chain to a root that is trusted here"}));
}

TEST_F(AnswerTest, WhereTheTopologyNamesNoRoot) {
  const std::string text = read_file(d.path("topology.toml"));
  const std::size_t at = text.find("roots = ");
  change_topology(d, text.substr(at, text.find('\n', at) - at), "");
  EXPECT_TRUE(refused_as(answered({}), kNotFound,
                         {"names no root for the CA 'public'", "roots = [", "pool define"}));
}

TEST_F(AnswerTest, WhoseLeafIsRevoked) {
  certify(d, "av@1.csr", "answer.pem");
  revoke(d, "issuing", "answer.pem");
  d.must("origin", import(d, {"answer.pem", "ca/issuing.crl"}));
  EXPECT_TRUE(
      refused_as(d.on("origin", accept()), kCorrupt, {"it was revoked at ", "(keyCompromise)"}));
}

TEST_F(AnswerTest, WhoseIssuerIsRevoked) {
  certify(d, "av@1.csr", "answer.pem");
  ASSERT_TRUE(succeeded(in_folder(d, "openssl crl2pkcs7 -nocrl -certfile answer.pem -out a.p7b")));
  revoke(d, "root", "ca/issuing.pem");
  d.must("origin", import(d, {"a.p7b", "ca/root.crl"}));
  EXPECT_TRUE(refused_as(d.on("origin", accept()), kCorrupt,
                         {"its issuer 'Public issuing' was revoked at ", "(keyCompromise)"}));
}

TEST_F(AnswerTest, WithAListThatDoesNotHaveItIsAcceptedWithoutARemark) {
  certify(d, "av@1.csr", "other.pem");
  certify(d, "av@1.csr", "answer.pem");
  revoke(d, "issuing", "other.pem");
  d.must("origin", import(d, {"ca/issuing.crl", "answer.pem"}));
  EXPECT_THAT(d.must("origin", accept()), Not(HasSubstr("list of 'Public issuing'")));
}

TEST_F(AnswerTest, TwoOfThemWantAChoice) {
  certify(d, "av@1.csr", "one.pem");
  certify(d, "av@1.csr", "two.pem", {.dates = "-days 60"});
  d.must("origin", import(d, {"one.pem", "two.pem"}));
  EXPECT_TRUE(refused_as(
      d.on("origin", accept()), kConflict,
      {"2 certificates came for '" + public_request() + "'", "say which with --certificate:"}));
  const std::string second = in_folder(d, "openssl x509 -in two.pem -outform DER | sha256sum").out;
  Words verb = accept();
  verb.insert(verb.end(), {"--certificate", "0123456789"});
  EXPECT_TRUE(
      refused_as(d.on("origin", verb), kNotFound, {"has a SHA-256 that begins with 0123456789"}));
  verb.back() = second.substr(0, 12);
  d.must("origin", verb);
  EXPECT_EQ(
      json::text(d.json_on("origin", {"request", "show", public_request()}), "certificate", "show"),
      read_file(d.path("two.pem")));
}

TEST_F(AnswerTest, IsNotAcceptedBeforeItCame) {
  EXPECT_TRUE(
      refused(d.on("origin", accept()), kNotFound,
              {"no certificate for '" + public_request() + "' has come back", "request import"}));
  EXPECT_EQ(state_of(d), "submitted");
}

TEST_F(AnswerTest, IsNoRequest) {
  EXPECT_TRUE(
      refused(d.on("origin", import(d, {"av@1.csr"})), kCorrupt, {"av@1.csr", "certificate"}));
  EXPECT_EQ(state_of(d), "submitted");
}

TEST_F(AnswerTest, IsNoPrivateKey) {
  for (const char* form : {"-outform PEM", "-outform DER", "-topk8 -outform DER -nocrypt"}) {
    SCOPED_TRACE(form);
    const std::string tool = std::string(form).starts_with("-topk8") ? "pkcs8 " : "pkey ";
    ASSERT_TRUE(
        succeeded(in_folder(d, "openssl " + tool + form + " -in ca/issuing.key -out some.key")));
    const Outcome outcome = d.on("origin", import(d, {"some.key"}));
    EXPECT_TRUE(refused(outcome, kCorrupt, {"some.key", "private key"}));
  }
}

/// The pool's key has an older version, and there is another pool.
class OtherKeyTest : public testing::Test {
 protected:
  OtherKeyTest() {
    use_public_ca(d);
    submit_and_certify(d, "av@1");
    d.must("origin", d.generate());
    submit(d, "av@2");
  }
  Words import_for(const std::string& file, const std::string& version) const {
    Words out = import(d, {file});
    out.insert(out.end(), {"--request", public_request(version)});
    return out;
  }
  const Deployment d = Deployment::at(Stage::kGenerated);
};

TEST_F(OtherKeyTest, AnOlderVersionsCertificateIsToldAsThat) {
  const Outcome outcome = d.on("origin", import(d, {"av@1.pem"}));
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.out, HasSubstr("an answer to '" + public_request() +
                                     "', which is for an older version of the key than av@2"));
  EXPECT_EQ(state_of(d), "issued");
  EXPECT_EQ(state_of(d, public_request("av@2")), "submitted");
}

TEST_F(OtherKeyTest, AnOlderVersionsCertificateIsNotTakenForTheNewerRequest) {
  EXPECT_TRUE(refused(d.on("origin", import_for("av@1.pem", "av@2")), kLeft,
                      {"it is for av@1, an older version than av@2, which '" +
                       public_request("av@2") + "' asks for; it was not kept"}));
  certify(d, "av@2.csr", "av@2.pem");
  EXPECT_TRUE(refused(d.on("origin", import_for("av@2.pem", "av@1")), kLeft,
                      {"it is for av@2, a newer version than av@1"}));
  for (const char* version : {"av@1", "av@2"})
    EXPECT_EQ(state_of(d, public_request(version)), "submitted");
}

TEST_F(OtherKeyTest, AnotherPoolsCertificateIsToldAsThat) {
  const std::string text = read_file(d.path("topology.toml"));
  std::string pool = text.substr(text.find("[pool.edge]"));
  pool = replaced(replaced(pool, "[pool.edge]", "[pool.west]"), "sip.contoso.com",
                  "sip.west.contoso.com");
  change_topology(d, text, text + "\n" + pool);
  d.must("origin", {"key", "generate", "west", "--pool", "west", "--policy",
                    POOLKEY_SOURCE_DIR "/policies/av-auth.toml"});
  d.must("origin", {"request", "create", "--pool", "west", "--role", "edge-external", "--key",
                    "west@1", "--out", d.path("west.csr").string()});
  certify(d, "west.csr", "west.pem", {.subject = "/CN=sip.west.contoso.com"});
  EXPECT_TRUE(refused(d.on("origin", import_for("west.pem", "av@2")), kLeft,
                      {"it is for west@1 of pool 'west', and '" + public_request("av@2") +
                       "' is of pool 'edge'; it was not kept"}));
  EXPECT_THAT(d.must("origin", import(d, {"west.pem"})),
              HasSubstr("an answer to 'west.edge-external.west@1.public'"));
}

TEST_F(OtherKeyTest, OneThatFitsTwoRequestsWantsAChoice) {
  change_topology(d, "[pool.edge]", "[ca.other]\nkind = \"public\"\n[pool.edge]");
  Words second = create(d, "av@1");
  second.insert(second.end(), {"--ca", "other"});
  d.must("origin", second);
  const Words plain = import(d, {"av@1.pem"});
  EXPECT_TRUE(refused(d.on("origin", plain), kLeft,
                      {"it fits several requests; say which with --request:",
                       "edge.edge-external.av@1.other", public_request("av@1")}));
  EXPECT_EQ(d.count("origin", "received"), 0);
  d.must("origin", import_for("av@1.pem", "av@1"));
  EXPECT_EQ(state_of(d), "issued");
  EXPECT_EQ(state_of(d, "edge.edge-external.av@1.other"), "signed");
}

TEST_F(OtherKeyTest, NobodysCertificateIsToldAsThat) {
  foreign_request(d, "stranger");
  certify(d, "stranger.csr", "stranger.pem");
  EXPECT_TRUE(refused(d.on("origin", import(d, {"stranger.pem", "av@1.pem"})), kLeft,
                      {"nobody here has its key (SPKI SHA-256 ", "it was not kept",
                       "an answer to '" + public_request() + "'"}));
  EXPECT_EQ(d.count("origin", "received"), 1);
}

}  // namespace
}  // namespace poolkey::test
