// A standby origin: it holds what it is named for, and takes the place of an origin that is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kPolicy = POOLKEY_SOURCE_DIR "/policies/av-auth-standby.toml";

class StandbyTest : public testing::Test {
 protected:
  StandbyTest() {
    for (const char* pin : {"user", "so"})
      write_file(d.path("pins/reserve." + std::string(pin)),
                 "77" + read_file(d.path("pins/edge1." + std::string(pin))), 0600);
  }
  Words init() const {
    return {"--pin",     "file:" + d.path("pins/reserve.user").string(),
            "standby",   "init",
            "--name",    "reserve",
            "--policy",  POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml",
            "--mailbox", d.path("mailbox")};
  }
  std::string set_up() const {
    return json::text(d.json_on("reserve", init()), "fingerprint", "standby init");
  }
  void admit(const std::string& fingerprint) const {
    d.must("origin",
           {"enrolment", "admit", "reserve", "--pool", "standby", "--fingerprint", fingerprint});
    d.must("reserve", {"standby", "confirm", "--root-fingerprint", root()});
  }
  std::string root() const {
    return json::text(d.json_on("origin", {"origin", "root"}), "root_sha256", "origin root");
  }
  /// The standby admitted, av@1 generated under a policy that names it, and held by it.
  void hold() const {
    admit(set_up());
    d.must("origin", d.generate("av", kPolicy));
    d.must("origin", {"key", "release", "av@1", "--pool", "edge", "--standbys-only"});
    d.must("reserve", {"standby", "receive"});
    prove();
  }
  void prove() const {
    d.must("origin", {"pool", "challenge", "standby"});
    d.must("reserve", {"standby", "prove"});
    d.must("origin", {"pool", "collect", "standby"});
  }
  void release() const {
    d.must("origin", d.release());
    d.receive_all();
    d.must("reserve", {"standby", "receive"});
    d.prove_all();
    d.must("origin", {"pool", "attest", "edge"});
    d.must("reserve", {"standby", "receive"});
  }
  Words promote() const { return {"standby", "promote", "--origin-is-lost"}; }
  void lose_origin() const { fs::rename(d.home("origin"), d.path("lost")); }

  Deployment d = Deployment::at(Stage::kEnrolled);
};

TEST_F(StandbyTest, AKeyIsNotUsedBeforeTheStandbyHasProvenIt) {
  admit(set_up());
  d.must("origin", d.generate("av", kPolicy));
  const auto denied = [&](const Words& verb) {
    EXPECT_TRUE(refused(d.on("origin", verb), 3,
                        {"av-auth-standby.toml:", "key.require_backup", "origin backup"}));
  };
  denied(d.release());
  denied(d.create_request());
  d.must("origin", {"key", "release", "av@1", "--pool", "edge", "--standbys-only"});
  EXPECT_FALSE(fs::exists(d.mail("edge1", "envelope.av@1.cms")));
  d.must("reserve", {"standby", "receive"});
  denied(d.release());
  prove();
  EXPECT_EQ(d.replica("reserve"), "present");
  release();
  d.must("origin", d.create_request());
  d.must("origin", d.issue());
  d.must("origin", {"certificate", "publish", "av@1"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_TRUE(d.audit_is_whole());
  EXPECT_TRUE(succeeded(d.on("reserve", {"audit", "verify"})));
}

TEST_F(StandbyTest, AKeyIsNotUsedBeforeABackupIsProven) {
  d.must("origin", d.generate("av", kPolicy));
  EXPECT_TRUE(refused(d.on("origin", d.release()), 3, {"key.require_backup"}));
  d.must("origin", {"origin", "backup", "--out", d.path("backup")});
  d.must("origin", d.release());
  d.must("origin", d.generate("av", kPolicy));
  EXPECT_TRUE(refused(d.on("origin", d.release("av@2")), 3, {"key.require_backup"}))
      << "a later version is in no backup yet";
}

TEST_F(StandbyTest, PromotedItIsACaOfItsOwnBelowTheLostRoot) {
  hold();
  release();
  lose_origin();
  d.must("reserve", promote());
  d.must("reserve", configure_ca(d));
  EXPECT_THAT(d.must("reserve", {"ca", "crl"}),
              testing::AllOf(HasSubstr("of issuing-ca@1 is made"), Not(HasSubstr("root@1 is"))));
  d.must("reserve", sign_foreign(d, "a"));
  EXPECT_TRUE(succeeded(in_folder(
      d,
      "openssl crl -inform DER -in pki/issuing-ca-1.crl -out crl && openssl x509 -inform DER "
      "-in pki/root-1.cer -out root && openssl verify -CAfile root -untrusted a.chain -CRLfile "
      "crl -crl_check a.pem")));
  for (const char* what : {"issuing", "root"})
    EXPECT_TRUE(refused(d.on("reserve", {"ca", "rollover", what}), 7, {"root@1", "lost"}));
  EXPECT_TRUE(succeeded(in_folder(d, "openssl x509 -inform DER -in pki/issuing-ca-1.cer -out i")));
  EXPECT_TRUE(
      refused(d.on("reserve", {"ca", "revoke", d.path("i").string(), "--reason", "cACompromise"}),
              7, {"root@1", "lost"}));
  EXPECT_TRUE(succeeded(d.on("reserve", {"audit", "verify"})));
}

TEST_F(StandbyTest, ItsReplicaKeepsTheOriginsAttributes) {
  hold();
  const Outcome listed = d.pkcs11_tool("reserve", "--list-objects --type privkey --label av@1");
  std::string replica = listed.out.substr(listed.out.find("av@1"));
  replica.resize(std::min(replica.size(), replica.find("Private Key Object")));
  EXPECT_THAT(replica, testing::AllOf(HasSubstr("sensitive"), HasSubstr("extractable"),
                                      Not(HasSubstr("never extractable"))))
      << listed.text();
  // Not under a key that the user makes: only under one that the SO marked as trusted.
  const Outcome wrapped =
      d.pkcs11_tool("reserve",
                    "--keygen --key-type AES:32 --label own --id 77 --usage-wrap && pkcs11-tool "
                    "--module /usr/lib/softhsm/libsofthsm2.so --token-label reserve --login --pin "
                    "env:PIN --wrap --mechanism AES-KEY-WRAP-PAD --id 77 --application-label av@1");
  EXPECT_NE(wrapped.status, 0) << wrapped.text();
}

TEST_F(StandbyTest, ItTakesTheLostOriginsPlaceAndTheMembersAccept) {
  hold();
  release();
  lose_origin();
  EXPECT_TRUE(refused(d.on("reserve", {"standby", "promote"}), 2, {"--origin-is-lost"}));
  const std::string said = d.must("reserve", promote());
  EXPECT_THAT(said,
              testing::AllOf(HasSubstr("This is the origin now"), HasSubstr("no further standby")));
  EXPECT_THAT(d.must("reserve", promote()), HasSubstr("promoted before"));

  // A member that lost its key is repaired from the registry's envelope; a release reaches all.
  ASSERT_TRUE(succeeded(d.pkcs11_tool("edge2", "--delete-object --type privkey --label av@1")));
  const auto prove_all = [&] {
    d.must("reserve", {"pool", "challenge", "edge"});
    for (const std::string& m : d.members()) d.must(m, {"member", "prove"});
    d.must("reserve", {"pool", "collect", "edge"});
  };
  prove_all();
  d.must("reserve", {"pool", "reconcile", "edge"});
  EXPECT_THAT(d.must("edge2", {"member", "receive"}), HasSubstr("av@1: accepted"));
  d.must("reserve", d.release());
  d.receive_all();
  prove_all();
  d.must("reserve", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("reserve", {"status", "--check"})));

  // A certificate under the same root.
  d.must("reserve", d.create_request());
  d.must("reserve", d.issue());
  d.must("reserve", {"certificate", "publish", "av@1"});
  for (const std::string& m : d.members()) d.must(m, {"member", "install"});

  // A new version, born here, and no standby under a root whose key is gone.
  const json::object made = d.json_on("reserve", d.generate("av"));
  const std::string version = json::text(made, "key", "generate");
  d.must("reserve", d.release(version));
  d.receive_all();
  prove_all();
  d.must("reserve", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("reserve", {"audit", "verify"})));
  EXPECT_TRUE(succeeded(d.on("reserve", {"origin", "backup", "--out", d.path("backup")})));
  EXPECT_THAT(d.unfinished("reserve"), IsEmpty());
}

TEST_F(StandbyTest, APromotionThatDiedIsRunAgain) {
  hold();
  release();
  lose_origin();
  for (const char* step : {"registry", "trust", "keys", "configuration"})
    for (const char* point : {"before", "after", "recorded"}) {
      SCOPED_TRACE(std::string(step) + ":" + point);
      const std::string kept = d.path("kept").string(), home = d.home("reserve").string();
      ASSERT_TRUE(succeeded(shell("rm -rf " + kept + " && cp -a " + home + " " + kept)));
      d.crash("reserve", promote(), "standby promote/" + std::string(step) + ":" + point);
      d.must("reserve", promote());
      EXPECT_THAT(d.unfinished("reserve"), IsEmpty());
      EXPECT_THAT(d.must("reserve", {"status"}), HasSubstr("av@1  RSA-2048   proven"));
      EXPECT_TRUE(succeeded(d.on("reserve", {"audit", "verify"})));
      EXPECT_EQ(d.objects("reserve", "pubkey").size(), 2U + 3 + 1 + 2)
          << "identity, transport, signers, av@1, two trusted members";
      ASSERT_TRUE(succeeded(shell("rm -rf " + home + " && cp -a " + kept + " " + home)));
    }
}

TEST_F(StandbyTest, AKeyThatItWasNotNamedForStaysAway) {
  admit(set_up());
  d.must("origin", d.generate());  // under av-auth, which names no standby
  EXPECT_TRUE(
      refused(d.on("origin", {"key", "release", "av@1", "--pool", "edge", "--standbys-only"}), 4,
              {"no standby"}));
  d.must("origin", d.release());
  d.receive_all();
  EXPECT_THAT(d.must("reserve", {"standby", "receive"}), HasSubstr("No envelope"));
  lose_origin();
  EXPECT_THAT(d.must("reserve", promote()), HasSubstr("av@1 is not in this token"));
  EXPECT_NE(d.on("reserve", d.release()).status, 0);
}

TEST_F(StandbyTest, IsAdmittedOnlyByItsFingerprintAndOneRequestIsNotAnothers) {
  const std::string fingerprint = set_up();
  EXPECT_TRUE(refused(d.on("origin", {"enrolment", "admit", "reserve", "--pool", "standby",
                                      "--fingerprint", std::string(64, '0')}),
                      3, {"nothing was trusted"}));
  EXPECT_TRUE(refused(d.on("reserve", {"standby", "confirm", "--root-fingerprint", root()}), 4,
                      {"no confirmation"}));
  // Promotion needs what only the origin sends.
  EXPECT_TRUE(refused(d.on("reserve", promote()), 4, {"standby receive"}));
  // A topology cannot take the name.
  write_file(d.path("own.toml"),
             replaced(read_file(d.path("topology.toml")), "[pool.edge]", "[pool.standby]"));
  EXPECT_EQ(d.on("origin", {"pool", "define", d.path("own.toml")}).status, 2);
  admit(fingerprint);
  EXPECT_TRUE(refused(d.on("reserve", {"key", "list"}), 2, {"the origin", "a standby"}));
  EXPECT_TRUE(refused(d.on("origin", {"standby", "receive"}), 2, {"a member"}));
}

TEST_F(StandbyTest, AStandbyThatLostAKeyIsRepairedLikeAMember) {
  hold();
  ASSERT_TRUE(succeeded(d.pkcs11_tool("reserve", "--delete-object --type privkey --label av@1")));
  prove();
  EXPECT_EQ(d.replica("reserve"), "absent");
  EXPECT_TRUE(refused(d.on("origin", d.release()), 3, {"key.require_backup"}))
      << "what is proven no more does not count";
  d.must("origin", {"pool", "reconcile", "standby"});
  EXPECT_THAT(d.must("reserve", {"standby", "receive"}), HasSubstr("av@1: accepted"));
  prove();
  EXPECT_EQ(d.replica("reserve"), "present");
  d.must("origin", d.release());
}

}  // namespace
}  // namespace poolkey::test
