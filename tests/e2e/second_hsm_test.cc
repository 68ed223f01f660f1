// A second real implementation: NSS softokn as a member, and refused as an origin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/deployment.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kNssMember = "edge2";
constexpr const char* kNss = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";

/// The shipped policy for an EC key, which is another way through the token.
std::string ec_policy(const Deployment& d) {
  std::string text = read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml");
  text = replaced(text, "\"av-auth\"", "\"av-ec\"");
  text = replaced(text, "algorithm = \"rsa\"", "algorithm = \"ec\"");
  text = replaced(text, "bits = 2048", "curve = \"P-256\"");
  text = replaced(text, ", \"keyEncipherment\"", "");
  write_file(d.path("av-ec.toml"), text);
  return d.path("av-ec.toml").string();
}

/// The shipped policy for a key that nothing may change, which leads the other way into the token.
std::string strict_policy(const Deployment& d) {
  std::string text = read_file(ec_policy(d));
  text = replaced(text, "\"av-ec\"", "\"av-strict\"");
  text = replaced(text, "\nsigning = \"session-copy\"", "\nsigning = \"token-object\"");
  write_file(d.path("av-strict.toml"), text);
  return d.path("av-strict.toml").string();
}

TEST(SecondHsmTest, ANssMemberGoesThroughTheWholeJobBesideASoftHsmMember) {
  const Deployment d = Deployment::at(Stage::kCertified, 2, kNssMember);
  EXPECT_EQ(d.replica("edge1"), "present");
  EXPECT_EQ(d.replica(kNssMember), "present");
  EXPECT_TRUE(succeeded(d.on(kNssMember, {"member", "status"})));
  EXPECT_TRUE(d.audit_is_whole());
  // A stranger's look at the same token.
  const std::string where =
      " -d sql:" + d.path("nss-edge2").string() + " -f " + d.path("pins/edge2.line").string();
  const Outcome keys = shell("certutil -K" + where);
  EXPECT_THAT(keys.out, AllOf(HasSubstr("av@1"), HasSubstr("poolkey-identity"),
                              HasSubstr("poolkey-transport")))
      << keys.text();
  const std::string certificate = d.path("out/nss.pem").string();
  EXPECT_TRUE(succeeded(shell("certutil -L" + where + " -n av@1 -a -o " + certificate +
                              " && openssl x509 -in " + certificate +
                              " -outform DER | cmp - <("
                              "openssl x509 -in " +
                              d.path("out/cert.pem").string() + " -outform DER)")));
}

TEST(SecondHsmTest, OpensslSignsWithTheReplicaInNss) {
  const Deployment d = Deployment::at(Stage::kCertified, 2, kNssMember);
  const std::string folder = d.path("out").string();
  write_file(d.path("out/openssl.cnf"),
             "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
             "default = default_section\npoolkey = poolkey_section\n[default_section]\n"
             "activate = 1\n[poolkey_section]\nidentity = poolkey\n"
             "module = " POOLKEY_BINARY_DIR
             "/ossl-modules/poolkey.so\n"
             "poolkey-module = " +
                 std::string(kNss) + "\npoolkey-module-arguments = \"" +
                 d.nss_arguments(kNssMember) + "\"\npoolkey-pin-source = file:" +
                 d.path("pins/edge2.user").string() + "\nactivate = 1\n");
  EXPECT_TRUE(succeeded(shell(
      "cd " + folder +
      " && echo content > message && OPENSSL_CONF=openssl.cnf openssl dgst -sha256"
      " -sign 'pkcs11:token=NSS%20Certificate%20DB;object=av%401;type=private' -out s message &&"
      " openssl x509 -in cert.pem -pubkey -noout > pub.pem &&"
      " openssl dgst -sha256 -verify pub.pem -signature s message")));
}

TEST(SecondHsmTest, ANssMemberReceivesEcKeysInBothWays) {
  const Deployment d = Deployment::at(Stage::kEnrolled, 2, kNssMember);
  d.must("origin", d.generate("av", ec_policy(d)));
  d.must("origin", d.generate("strict", strict_policy(d)));
  d.must("origin", {"key", "release", "av@1", "strict@1", "--pool", "edge"});
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge", "--out", d.path("out/attestation.cms")});
  for (const char* key : {"av@1", "strict@1"}) EXPECT_EQ(d.replica(kNssMember, key), "present");
  EXPECT_TRUE(d.audit_is_whole());
}

TEST(SecondHsmTest, VerbsOfANssMemberRunAgainChangeNothing) {
  const Deployment d = Deployment::at(Stage::kCertified, 2, kNssMember);
  const auto keys = [&] {
    return shell("certutil -K -d sql:" + d.path("nss-edge2").string() + " -f " +
                 d.path("pins/edge2.line").string())
        .out;
  };
  const std::string before = keys();
  for (const Words& verb : {Words{"member", "enrol"}, Words{"member", "receive"},
                            Words{"member", "prove"}, Words{"member", "install"}})
    d.must(kNssMember, verb);
  EXPECT_EQ(keys(), before);
}

TEST(SecondHsmTest, WhatTheTokenDoesNotTellOrKeepIsShownEverywhere) {
  const Deployment d = Deployment::at(Stage::kCertified, 2, kNssMember);
  const std::string untold = "CKA_ALLOWED_MECHANISMS, CKA_COPYABLE";
  const std::string loose = "does not enforce CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED";
  EXPECT_THAT(d.must("origin", {"enrolment", "show", kNssMember, "--pool", "edge"}),
              AllOf(HasSubstr("does not tell " + untold), HasSubstr(loose)));
  EXPECT_THAT(d.must("origin", {"enrolment", "show", "edge1", "--pool", "edge"}),
              Not(HasSubstr("does not")));
  EXPECT_THAT(d.must("origin", {"status"}),
              AllOf(HasSubstr("does not tell " + untold), HasSubstr(loose)));
  EXPECT_THAT(d.must(kNssMember, {"member", "status"}), HasSubstr(loose));
  EXPECT_THAT(d.must(kNssMember, {"member", "prove"}),
              HasSubstr("does not tell " + untold + "; the receipt says so"));
  const std::string root =
      json::text(d.json_on("origin", {"origin", "root"}), "root_sha256", "origin root");
  const Outcome audited = shell(POOLKEY_SOURCE_DIR "/docs/audit-attestation.sh " +
                                d.path("out/attestation.cms").string() + " " +
                                d.path("out/root.pem").string() + " " + root);
  EXPECT_TRUE(succeeded(audited));
  EXPECT_THAT(audited.out, HasSubstr("the token of edge2 does not enforce CKA_EXTRACTABLE"));
}

TEST(SecondHsmTest, AnAttributeIsMissingOnlyWhereTheMemberWasEnrolledWithoutIt) {
  const Deployment d = Deployment::at(Stage::kDelivered, 2, kNssMember);
  // As though the token had promised to tell everything when it was enrolled.
  store::Database::open(d.home("origin") / "state.db")
      .run("UPDATE member SET not_told = '' WHERE name = 'edge2'");
  d.prove_all();
  EXPECT_TRUE(refused(d.on("origin", {"pool", "attest", "edge", "--out", "/dev/null"}), 6,
                      {"edge2, av@1: unknown"}));
  EXPECT_EQ(d.replica("edge1"), "present");
}

TEST(SecondHsmTest, AReleaseTakesASuiteThatEverybodyOpensOrNamesWhoDoesNot) {
  const Deployment d = Deployment::at(Stage::kGenerated, 2, kNssMember);
  const json::object planned =
      d.json_on("origin", {"key", "release", "av@1", "--pool", "edge", "--dry-run"});
  // NSS opens both, SoftHSM only this one.
  EXPECT_EQ(json::text(planned, "suite", "release"), "rsa-oaep-sha1+aes256-kwp");
  store::Database::open(d.home("origin") / "state.db")
      .run("UPDATE member SET suites = 'rsa-oaep-sha256+aes256-kwp' WHERE name = 'edge2'");
  EXPECT_TRUE(refused(d.on("origin", d.release()), 7,
                      {"'rsa-oaep-sha256+aes256-kwp' is not offered by the origin",
                       "'rsa-oaep-sha1+aes256-kwp' is not opened by edge2"}));
}

TEST(SecondHsmTest, ANssOriginIsRefusedByPolicy) {
  const Deployment d = Deployment::at(Stage::kSetUp, 2, kNssMember);
  const std::string home = d.home("loose").string();
  const Words nss = [&] {
    write_file(d.path("pins/loose.user"), "a-pin-of-its-own", 0600);
    write_file(d.path("pins/loose.so"), "", 0600);
    return d.nss_token("loose");
  }();
  Words init{"--pin",     "file:" + d.path("pins/loose.user").string(),
             "origin",    "init",
             "--policy",  POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml",
             "--mailbox", d.path("mailbox").string()};
  init.insert(init.end(), nss.begin(), nss.end());
  d.must("loose", init);
  d.must("loose", {"pool", "define", d.path("topology.toml").string()});
  EXPECT_TRUE(refused(d.on("loose", d.generate()), 3,
                      {"export.mode", "ignores CKA_WRAP_WITH_TRUSTED", "poolkey doctor found"}));
  EXPECT_EQ(d.count("loose", "key_version WHERE key_name = 'av'"), 0);
}

TEST(SecondHsmTest, AnExistingTokenIsLoggedInToAtOnceAndKeepsItsPin) {
  const Deployment d = Deployment::at(Stage::kSetUp, 2, kNssMember);
  write_file(d.path("pins/other.user"), "a-pin-of-its-own", 0600);
  write_file(d.path("pins/wrong.user"), "another-pin-again", 0600);
  Words init{"member",   "init",  "--pool",    "edge",
             "--member", "edge1", "--mailbox", d.path("mailbox").string()};
  const Words nss = d.nss_token("other");
  init.insert(init.end(), nss.begin(), nss.end());
  const auto with_pin = [&](const std::string& file) {
    Words verb = init;
    verb.insert(verb.begin(), {"--pin", "file:" + d.path("pins/" + file).string()});
    return d.on("other", verb, [](Command& c) { c.third.clear(); });  // no SO PIN to be had
  };
  EXPECT_TRUE(refused(with_pin("wrong.user"), 10, {"CKR_PIN_INCORRECT"}));
  EXPECT_TRUE(succeeded(with_pin("other.user")));
  EXPECT_THAT(read_file(d.home("other") / "poolkey.toml"),
              AllOf(HasSubstr("serial = \"0000000000000000\""), HasSubstr("module_arguments = ")));
}

}  // namespace
}  // namespace poolkey::test
