// The embedded CA, with the real openssl as the relying party.
#include "e2e/authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class AuthorityTest : public testing::Test {
 protected:
  AuthorityTest() { d.must("origin", configure_ca(d)); }

  /// What is published, as PEM: the CRLs together, each CA certificate by its name.
  void fetch() const {
    const Outcome done = in_folder(
        d,
        "for f in pki/*.cer; do openssl x509 -inform DER -in $f -out $(basename $f .cer).pem; done;"
        "for f in pki/*.crl; do openssl crl -inform DER -in $f; done > crls.pem");
    ASSERT_TRUE(succeeded(done));
  }
  /// `openssl verify` with these options beside the CRLs.
  Outcome verify(const std::string& leaf, const std::string& options = "",
                 const std::string& trusted = "root-1.pem") const {
    return in_folder(d, "openssl verify -x509_strict -CAfile " + trusted + " -CRLfile crls.pem " +
                            options + " " + leaf);
  }
  Words sign(const std::string& name) const { return sign_foreign(d, name); }
  Words revoke(const std::string& name, const std::string& reason) const {
    return {"ca", "revoke", d.path(name + ".pem").string(), "--reason", reason};
  }
  /// What `openssl ocsp` makes of our answer about a certificate.
  std::string ocsp(const std::string& leaf, const std::string& issuer, const std::string& hash,
                   const std::string& trust = "-CAfile root-1.pem -verify_other issuing-ca-1.pem",
                   int status = 0) const {
    const std::string about = "-issuer " + issuer + " " + hash + " -cert " + leaf;
    EXPECT_TRUE(succeeded(in_folder(d, "openssl ocsp " + about + " -reqout q.der")));
    const Outcome answered =
        d.on("origin", {"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()});
    EXPECT_EQ(answered.status, status) << answered.text();
    // Signer and nonce; then, which openssl does apart, what is said of the certificate.
    const Outcome whole =
        in_folder(d, "openssl ocsp -reqin q.der -respin r.der " + trust + "; openssl ocsp " +
                         about + " -no_nonce -respin r.der " + trust);
    return whole.text();
  }

  const Deployment d = Deployment::at(Stage::kSetUp);
};

TEST_F(AuthorityTest, ARelyingPartyAcceptsBeforeAndRefusesAfterRevocation) {
  d.must("origin", sign("a"));
  d.must("origin", {"ca", "crl"});
  fetch();
  const std::string by = "-untrusted issuing-ca-1.pem -crl_check";
  EXPECT_TRUE(succeeded(verify("a.pem", by)));
  EXPECT_TRUE(succeeded(verify("a.pem", by + "_all")));
  EXPECT_THAT(d.must("origin", revoke("a", "keyCompromise")), HasSubstr("CRL 3 of issuing-ca@1"));
  fetch();
  EXPECT_TRUE(refused(verify("a.pem", by), 2, {"certificate revoked"}));
  EXPECT_TRUE(refused(verify("a.pem", by + "_all"), 2, {"certificate revoked"}));
  const Outcome text =
      in_folder(d, "openssl crl -inform DER -in pki/issuing-ca-1.crl -text -noout");
  for (const char* part : {"Version 2", "X509v3 CRL Number: \n                3",
                           "X509v3 Authority Key Identifier", "Key Compromise"})
    EXPECT_THAT(text.out, HasSubstr(part));
  EXPECT_THAT(in_folder(d, "openssl x509 -in a.pem -noout -serial").out,
              testing::ContainsRegex("serial=[4-7][0-9A-F]{31}"));
  EXPECT_THAT(in_folder(d, "openssl x509 -in a.pem -noout -text").out,
              testing::AllOf(HasSubstr("http://pki.contoso.com/crl/issuing-ca-1.crl"),
                             HasSubstr("http://pki.contoso.com/ca/issuing-ca-1.cer"),
                             HasSubstr("http://ocsp.contoso.com")));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(AuthorityTest, ARevokedIssuingCaEndsWhatIsBelowIt) {
  d.must("origin", sign("a"));
  d.must("origin", {"ca", "crl"});
  fetch();
  EXPECT_TRUE(refused(d.on("origin", revoke("root-1", "cACompromise")), 2, {"a root cannot"}));
  EXPECT_TRUE(refused(d.on("origin", revoke("issuing-ca-1", "certificateHold")), 2, {"on hold"}));
  d.must("origin", revoke("issuing-ca-1", "cACompromise"));
  fetch();
  const std::string by = "-untrusted issuing-ca-1.pem -crl_check";
  EXPECT_TRUE(succeeded(verify("a.pem", by)));
  EXPECT_TRUE(refused(verify("a.pem", by + "_all"), 2, {"certificate revoked"}));
  EXPECT_TRUE(refused(d.on("origin", sign("b")), 6, {"ca rollover issuing"}));
  d.must("origin", {"ca", "rollover", "issuing"});
  d.must("origin", sign("b"));
  fetch();
  EXPECT_TRUE(succeeded(verify("b.pem", "-untrusted b.chain -crl_check_all")));
}

TEST_F(AuthorityTest, AHoldEndsAndARevocationDoesNot) {
  d.must("origin", sign("a"));
  d.must("origin", revoke("a", "certificateHold"));
  fetch();
  const std::string by = "-untrusted issuing-ca-1.pem -crl_check";
  EXPECT_TRUE(refused(verify("a.pem", by), 2, {"certificate revoked"}));
  EXPECT_THAT(ocsp("a.pem", "issuing-ca-1.pem", "-sha256"), HasSubstr("certificateHold"));
  const Words unhold{"ca", "unhold", d.path("a.pem").string()};
  EXPECT_THAT(d.must("origin", unhold), HasSubstr("0 entries"));
  EXPECT_THAT(d.must("origin", unhold), HasSubstr("Neither held nor revoked"));
  fetch();
  EXPECT_TRUE(succeeded(verify("a.pem", by)));
  EXPECT_THAT(ocsp("a.pem", "issuing-ca-1.pem", "-sha256"), HasSubstr("a.pem: good"));
  d.must("origin", revoke("a", "certificateHold"));
  d.must("origin", revoke("a", "superseded"));
  EXPECT_THAT(d.must("origin", revoke("a", "superseded")), HasSubstr("Revoked before"));
  EXPECT_TRUE(
      refused(d.on("origin", revoke("a", "keyCompromise")), 5, {"(superseded)", "for good"}));
  EXPECT_TRUE(refused(d.on("origin", unhold), 6, {"only what is on hold"}));
  EXPECT_TRUE(refused(d.on("origin", revoke("a", "removeFromCRL")), 2, {"ca unhold"}));
  EXPECT_TRUE(refused(d.on("origin", revoke("a", "stolen")), 2, {"keyCompromise"}));
}

TEST_F(AuthorityTest, OcspAgreesWithTheOpensslCommand) {
  d.must("origin", sign("a"));
  d.must("origin", {"ca", "crl"});
  fetch();
  for (const char* hash : {"-sha1", "-sha256"}) {
    const std::string good = ocsp("a.pem", "issuing-ca-1.pem", hash);
    EXPECT_THAT(good, HasSubstr("Response verify OK"));
    EXPECT_THAT(good, HasSubstr("a.pem: good"));
    EXPECT_THAT(good, Not(HasSubstr("WARNING")));
  }
  EXPECT_THAT(ocsp("issuing-ca-1.pem", "root-1.pem", "-sha1", "-CAfile root-1.pem"),
              testing::AllOf(HasSubstr("Response verify OK"), HasSubstr("issuing-ca-1.pem: good")));
  d.must("origin", revoke("a", "affiliationChanged"));
  const std::string revoked = ocsp("a.pem", "issuing-ca-1.pem", "-sha256");
  EXPECT_THAT(revoked, HasSubstr("Response verify OK"));
  EXPECT_THAT(revoked, HasSubstr("a.pem: revoked"));
  EXPECT_THAT(revoked, HasSubstr("Reason: affiliationChanged"));
  EXPECT_THAT(in_folder(d, "openssl ocsp -respin r.der -resp_text -noverify").out,
              testing::AllOf(HasSubstr("OCSP No Check"), HasSubstr("OCSP Signing"),
                             HasSubstr("OCSP Nonce")));
  ASSERT_TRUE(succeeded(in_folder(
      d, "openssl ocsp -issuer issuing-ca-1.pem -serial 0x1234567890 -no_nonce -reqout q.der")));
  EXPECT_THAT(
      d.must("origin", {"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()}),
      HasSubstr("1234567890: unknown"));
  EXPECT_THAT(in_folder(d,
                        "openssl ocsp -issuer issuing-ca-1.pem -serial 0x1234567890 -no_nonce "
                        "-respin r.der -CAfile root-1.pem -verify_other issuing-ca-1.pem")
                  .text(),
              testing::AllOf(HasSubstr("Response verify OK"), HasSubstr("0x1234567890: unknown")));
}

TEST_F(AuthorityTest, OcspRefusesWhatItCannotAnswer) {
  d.must("origin", sign("a"));
  d.must("origin", {"ca", "crl"});
  fetch();
  ASSERT_TRUE(succeeded(in_folder(
      d,
      "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Other -keyout o.key -out other.pem")));
  EXPECT_THAT(ocsp("other.pem", "other.pem", "-sha1", "-noverify", 20), HasSubstr("unauthorized"));
  write_file(d.path("q.der"), "0\x03\x02\x01");
  const Words answer{"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()};
  EXPECT_TRUE(refused(d.on("origin", answer), 20, {"malformedRequest", "not one OCSP request"}));
  EXPECT_THAT(in_folder(d, "openssl ocsp -respin r.der -noverify").text(),
              HasSubstr("malformedrequest"));
}

TEST_F(AuthorityTest, ListsAreMadeOnSchedule) {
  d.must("origin", {"ca", "crl"});
  const auto at = [&](const std::string& time, const Words& verb) {
    return d.on("origin", verb, [&](Command& c) { c.words = at_time(time, std::move(c.words)); });
  };
  const std::int64_t log = d.count("origin", "audit_entry");
  EXPECT_THAT(d.must("origin", {"ca", "crl"}), Not(HasSubstr("is made")));
  EXPECT_EQ(d.count("origin", "audit_entry"), log) << "a timer fills no log";
  std::filesystem::remove(d.path("pki/root-1.crl"));
  EXPECT_THAT(d.must("origin", {"ca", "crl"}), HasSubstr("root-1.crl"));
  EXPECT_THAT(at("+4d", {"ca", "crl"}).out, Not(HasSubstr("is made")));
  EXPECT_TRUE(succeeded(at("+6d", {"status", "--check"})));
  const Outcome late = at("+8d", {"status", "--check"});
  EXPECT_TRUE(refused(late, 20, {"The CRL of issuing-ca@1 is overdue", "poolkey ca crl"}));
  EXPECT_THAT(at("+6d", {"ca", "crl"}).out, HasSubstr("the last one ends at"));
  EXPECT_TRUE(succeeded(at("+8d", {"status", "--check"})));
  EXPECT_THAT(d.must("origin", {"ca", "crl", "--force"}), HasSubstr("by force"));
}

TEST_F(AuthorityTest, ARevokedCertificateStaysOnOneListAfterItsEnd) {
  write_file(d.path("ca.toml"),
             replaced(read_file(d.path("ca.toml")), "max_days = 199", "max_days = 1"));
  d.must("origin", {"ca", "configure", d.path("ca.toml").string()});
  d.must("origin", sign("a"));
  d.must("origin", revoke("a", "superseded"));
  const auto entries = [&](const std::string& time) {
    const Outcome made = d.on("origin", {"ca", "crl", "--force"},
                              [&](Command& c) { c.words = at_time(time, std::move(c.words)); });
    EXPECT_TRUE(succeeded(made));
    return made.out;
  };
  EXPECT_THAT(entries("+2d"), HasSubstr("issuing-ca@1 is made: 1 entries"));
  EXPECT_THAT(entries("+3d"), HasSubstr("issuing-ca@1 is made: 0 entries"));
  EXPECT_THAT(d.must("origin", {"ca", "crl"}), Not(HasSubstr("is made")))
      << "no reason for a new one";
}

TEST_F(AuthorityTest, ChainsVerifyWithTheOldRootAndWithTheNew) {
  d.must("origin", sign("a"));
  d.must("origin", {"ca", "rollover", "issuing"});
  d.must("origin", sign("b"));
  d.must("origin", {"ca", "rollover", "root"});
  d.must("origin", sign("c"));
  d.must("origin", {"ca", "rollover", "root"});
  d.must("origin", sign("d"));
  fetch();
  // By the chain that is handed out, with the root that everybody has had since the beginning.
  for (const std::string leaf : {"a", "b", "c", "d"})
    EXPECT_TRUE(succeeded(verify(leaf + ".pem", "-untrusted " + leaf + ".chain -crl_check_all")))
        << leaf;
  // With one of the new roots alone: new chains as they are, old ones by what is published.
  EXPECT_TRUE(succeeded(verify("c.pem", "-untrusted c.chain -crl_check_all", "root-2.pem")));
  EXPECT_TRUE(succeeded(verify("d.pem", "-untrusted d.chain -crl_check_all", "root-3.pem")));
  EXPECT_TRUE(succeeded(verify("a.pem",
                               "-untrusted issuing-ca-1.pem -untrusted root-1-by-root-2.pem "
                               "-crl_check_all",
                               "root-2.pem")));
  EXPECT_TRUE(succeeded(verify("d.pem", "-untrusted d.chain -crl_check_all", "root-2.pem")));
  EXPECT_FALSE(succeeded(verify("a.pem", "-untrusted issuing-ca-1.pem", "root-2.pem")))
      << "without the cross-certificate it could not be";
  // Whoever signed it goes on saying who is revoked.
  d.must("origin", revoke("a", "superseded"));
  fetch();
  EXPECT_TRUE(refused(verify("a.pem", "-untrusted a.chain -crl_check"), 2, {"revoked"}));
  EXPECT_TRUE(succeeded(verify("b.pem", "-untrusted b.chain -crl_check")));
  EXPECT_THAT(ocsp("a.pem", "issuing-ca-1.pem", "-sha1"), HasSubstr("a.pem: revoked"));
  EXPECT_THAT(
      ocsp("d.pem", "issuing-ca-4.pem", "-sha1", "-CAfile root-1.pem -verify_other d.chain"),
      testing::AllOf(HasSubstr("Response verify OK"), HasSubstr("d.pem: good")));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(AuthorityTest, SignsTheSameRequestOnce) {
  d.must("origin", sign("a"));
  const std::string first = read_file(d.path("a.pem"));
  EXPECT_THAT(d.must("origin", sign("a")), HasSubstr("Signed before"));
  EXPECT_EQ(read_file(d.path("a.pem")), first);
  d.must("origin", revoke("a", "superseded"));
  d.must("origin", sign("a"));
  EXPECT_NE(read_file(d.path("a.pem")), first) << "a revoked one is no answer";
  EXPECT_EQ(d.count("origin", "ca_certificate WHERE profile = 'web-server'"), 2);
  const json::object shown = d.json_on("origin", {"ca", "show"});
  EXPECT_EQ(json::integer(json::as_object(shown, "certificates", "show"), "revoked", "show"), 1);
  EXPECT_THAT(d.must("origin", {"ca", "list", "--state", "revoked"}), HasSubstr("(superseded)"));
}

TEST_F(AuthorityTest, APublicProfileIsClippedToTodaysLimit) {
  const Words sign{"ca", "sign", foreign_request(d, "a"), "--profile", "public"};
  const auto notes = [&](const std::string& day) {
    const Deployment copy = d.copy();
    return copy
        .on("origin", sign, [&](Command& c) { c.words = at_time("@" + day, std::move(c.words)); })
        .text();
  };
  EXPECT_THAT(notes("2027-03-14 23:00:00"), HasSubstr("200 days"));
  EXPECT_THAT(notes("2027-03-15 01:00:00"), HasSubstr("100 days"));
  EXPECT_THAT(notes("2029-03-15 01:00:00"), HasSubstr("47 days"));
}

TEST_F(AuthorityTest, RefusesWhatNoProfileAllows) {
  const auto sign_as = [&](const std::string& name, const std::string& names,
                           const std::string& more, const std::string& profile = "web-server") {
    return d.on("origin",
                {"ca", "sign", foreign_request(d, name, names, more), "--profile", profile});
  };
  const std::string ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
  EXPECT_TRUE(refused(sign_as("p", "DNS:a.contoso.com", ec, "no-such"), 4,
                      {"no profile 'no-such'", "'web-server', 'device', 'public'"}));
  EXPECT_TRUE(refused(sign_as("n", "DNS:a.contoso.com,DNS:evilcontoso.com,DNS:fabrikam.com", ec), 2,
                      {"contoso.com, contoso.net", "'evilcontoso.com', 'fabrikam.com'"}));
  EXPECT_TRUE(refused(sign_as("k", "DNS:a.contoso.com", "-newkey rsa:1024"), 2, {"RSA-1024"}));
  EXPECT_TRUE(
      refused(sign_as("c", "DNS:a.contoso.com", "-newkey ec -pkeyopt ec_paramgen_curve:secp256k1"),
              2, {"secp256k1"}));
  EXPECT_TRUE(refused(sign_as("i", "DNS:a.contoso.com,IP:10.0.0.1", ec), 3, {"san.ip"}));
  EXPECT_TRUE(refused(sign_as("u", "DNS:a_b.contoso.com,DNS:a.contoso.com", ec), 3,
                      {"lint profile 'internal'"}));
  std::string many = "DNS:a.contoso.com";
  for (int i = 0; i < 10'000; ++i) many += ",DNS:h" + std::to_string(i) + ".contoso.com";
  write_file(d.path("many.cnf"),
             "[req]\ndistinguished_name=d\nreq_extensions=e\nprompt=no\n[d]\n"
             "CN=a.contoso.com\n[e]\nsubjectAltName=" +
                 many + "\n");
  ASSERT_TRUE(succeeded(in_folder(
      d, "openssl req -new -newkey rsa:2048 -nodes -config many.cnf -keyout m.key -out m.csr")));
  EXPECT_TRUE(
      refused(d.on("origin", {"ca", "sign", d.path("m.csr").string(), "--profile", "web-server"}),
              2, {"more than 1000 entries"}));
  EXPECT_EQ(d.count("origin", "ca_certificate WHERE profile = 'web-server'"), 0);
}

TEST_F(AuthorityTest, RefusesBadInput) {
  const auto sign_file = [&](const std::string& file) {
    return d.on("origin", {"ca", "sign", d.path(file).string(), "--profile", "web-server"});
  };
  foreign_request(d, "a");
  ASSERT_TRUE(succeeded(in_folder(d,
                                  "openssl req -in a.csr -outform DER -out a.der; "
                                  "head -c 200 a.der > cut.der; head -c 300 a.csr > cut.csr; "
                                  "cp a.der forged.der; printf '\\x01' | dd of=forged.der bs=1 "
                                  "seek=$(($(stat -c %s a.der) - 5)) conv=notrunc")));
  EXPECT_TRUE(succeeded(sign_file("a.der")));
  EXPECT_TRUE(refused(sign_file("cut.der"), 11, {"damaged at octet"}));
  EXPECT_TRUE(refused(sign_file("cut.csr"), 11, {}));
  EXPECT_TRUE(refused(sign_file("forged.der"), 3, {"signature does not verify"}));
  EXPECT_TRUE(refused(sign_file("none.csr"), 4, {"none.csr"}));
  ASSERT_TRUE(succeeded(in_folder(d, "truncate -s 100M huge.csr; head -c 70000 huge.csr > q.der")));
  EXPECT_TRUE(refused(sign_file("huge.csr"), 2, {"huge.csr"}));
  EXPECT_TRUE(refused(
      d.on("origin", {"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()}),
      20, {"70000 octets"}));
  // A certificate of another CA, and a serial of nobody's.
  ASSERT_TRUE(succeeded(in_folder(
      d, "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Other -keyout o.key -out o.pem")));
  EXPECT_TRUE(refused(d.on("origin", revoke("o", "superseded")), 2, {"not by this CA"}));
  EXPECT_TRUE(
      refused(d.on("origin", {"ca", "revoke", "AB:CD", "--reason", "superseded"}), 4, {"ca list"}));
  EXPECT_TRUE(refused(d.on("origin", {"ca", "rollover", "leaf"}), 2, {"'issuing' or 'root'"}));
  write_file(d.path("bad.toml"), "version = 1\n[publication]\ncrl = [\"https://a.b\"]\n");
  EXPECT_TRUE(refused(d.on("origin", {"ca", "configure", d.path("bad.toml").string()}), 2,
                      {"bad.toml:3", "http://"}));
}

TEST(UnconfiguredAuthorityTest, WorksAsBeforeAndSaysWhatIsMissing) {
  const Deployment d = Deployment::at(Stage::kProven);
  d.must("origin", d.create_request());
  EXPECT_THAT(d.must("origin", d.issue()), HasSubstr("ca configure"));
  EXPECT_THAT(in_folder(d, "openssl x509 -in out/cert.pem -noout -text").out,
              Not(HasSubstr("CRL Distribution")));
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_THAT(d.must("origin", {"ca", "show"}), HasSubstr("Not configured"));
}

TEST(PoolAuthorityTest, MembersInstallWhatANewRootIssued) {
  const Deployment d = Deployment::at(Stage::kProven);
  d.must("origin", configure_ca(d));
  d.must("origin", {"ca", "rollover", "root"});
  d.must("origin", d.create_request());
  EXPECT_THAT(d.must("origin", d.issue()), Not(HasSubstr("warning")));
  EXPECT_THAT(in_folder(d, "openssl x509 -in out/cert.pem -noout -text").out,
              HasSubstr("http://pki.contoso.com/crl/issuing-ca-2.crl"));
  d.must("origin", {"certificate", "publish", "av@1"});
  d.must("edge1", {"member", "install"});
  d.must("origin", {"pool", "challenge", "edge"});
  EXPECT_TRUE(succeeded(d.on("edge1", {"member", "prove"})));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST(PoolAuthorityTest, ARevokedCertificateIsReplacedAndNotPublished) {
  const Deployment d = Deployment::at(Stage::kCertified);
  const Words publish{"certificate", "publish", "av@1"};
  d.must("origin", {"ca", "revoke", d.path("out/cert.pem").string(), "--reason", "keyCompromise"});
  EXPECT_TRUE(refused(d.on("origin", publish), 6, {"was revoked at", "have a new one issued"}));
  const std::string before = read_file(d.path("out/cert.pem"));
  d.must("origin", d.issue());
  const std::string after = read_file(d.path("out/cert.pem"));
  EXPECT_NE(after, before);
  d.must("origin", d.issue());
  EXPECT_EQ(read_file(d.path("out/cert.pem")), after) << "one new certificate, not one a call";
  d.must("origin", publish);
  d.must("edge1", {"member", "install"});
  EXPECT_TRUE(d.audit_is_whole());
}

TEST(RestoredAuthorityTest, NeverTakesBackACrl) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  d.must("origin", configure_ca(d));
  const auto revoke = [&](const std::string& leaf) {
    return Words{"ca", "revoke", d.path(leaf + ".pem").string(), "--reason", "keyCompromise"};
  };
  d.must("origin", sign_foreign(d, "a"));
  d.must("origin", sign_foreign(d, "c"));
  d.must("origin", {"ca", "crl"});
  d.must("origin", {"origin", "backup", "--out", d.path("backup").string()});
  d.must("origin", sign_foreign(d, "b"));
  for (const char* leaf : {"a", "b"}) d.must("origin", revoke(leaf));
  std::filesystem::rename(d.home("origin"), d.path("lost"));
  d.must("origin", {"origin", "restore", "--from", d.path("backup").string()});
  const json::object made = d.json_on("origin", revoke("c"));
  EXPECT_EQ(json::as_array(made, "taken_over", "ca crl").size(), 2U);
  for (const json::value& crl : json::as_array(made, "crls", "ca crl"))
    EXPECT_GT(std::stoll(json::text(crl.as_object(), "number", "ca crl")), 1'000'000);
  ASSERT_TRUE(succeeded(in_folder(
      d,
      "openssl crl -inform DER -in pki/issuing-ca-1.crl -out crl && openssl x509 -inform DER "
      "-in pki/root-1.cer -out root")));
  for (const std::string leaf : {"a", "b", "c"})
    EXPECT_TRUE(refused(in_folder(d,
                                  "openssl verify -CAfile root -untrusted a.chain -CRLfile crl "
                                  "-crl_check " +
                                      leaf + ".pem"),
                        2, {"certificate revoked"}));
  EXPECT_THAT(d.must("origin", {"ca", "list"}), HasSubstr("not on record"));
  EXPECT_TRUE(json::as_array(d.json_on("origin", {"ca", "crl", "--force"}), "taken_over", "ca crl")
                  .empty());
  EXPECT_TRUE(d.audit_is_whole());
}

TEST(OlderAuthorityTest, SaysWhatToDoWhereThePolicyIsFromBefore) {
  Deployment d = Deployment::at(Stage::kNothing);
  const std::string now = POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml";
  std::string text = replaced(read_file(now), "\"revocation\", ", "");
  text = replaced(text, ", \"ocsp-signer\"", "");
  write_file(d.path("older.toml"), replaced(text, ", \"OCSPSigning\"", ""));
  Words init = d.origin_init();
  for (std::string& word : init)
    if (word == now) word = d.path("older.toml").string();
  d.must("origin", init);
  d.must("origin", configure_ca(d));
  EXPECT_TRUE(refused(d.on("origin", {"ca", "crl"}), 20,
                      {"issuing-ca@1 was made under a policy without the usage 'revocation'",
                       "ca rollover issuing --policy"}));
  ASSERT_TRUE(succeeded(in_folder(
      d,
      "openssl x509 -inform DER -in pki/issuing-ca-1.cer -out i.pem && openssl ocsp -issuer "
      "i.pem -serial 0x1234 -reqout q.der")));
  EXPECT_TRUE(refused(
      d.on("origin", {"ca", "ocsp", d.path("q.der").string(), "--out", d.path("r.der").string()}),
      3, {"without the role 'ocsp-signer'", "ca rollover issuing --policy"}));
  EXPECT_TRUE(refused(d.on("origin", {"ca", "rollover", "issuing"}), 3, {"lacks 'revocation'"}));
  EXPECT_EQ(d.unfinished("origin").size(), 0U);
  d.must("origin", {"ca", "rollover", "root", "--policy", now});
  EXPECT_TRUE(succeeded(d.on("origin", {"ca", "crl"})));
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  d.must("origin", sign_foreign(d, "a"));
  EXPECT_TRUE(succeeded(in_folder(
      d,
      "openssl x509 -inform DER -in pki/root-1.cer -out r.pem && openssl x509 -inform DER "
      "-in pki/root-2.cer -out r2.pem && for c in pki/*-2.crl; do openssl crl -inform DER -in "
      "$c; done > crls && openssl verify -CAfile r2.pem -untrusted a.chain -CRLfile crls "
      "-crl_check_all a.pem && openssl verify -CAfile r.pem -untrusted a.chain a.pem")));
}

}  // namespace
}  // namespace poolkey::test
