// poolkey:// names, poolkey-home, and what policies let replicas do, with the real `openssl`.
#include "crypto/key_reference.h"
#include "member_home.h"
#include "provider/member_state.h"

namespace poolkey::provider {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PoolKeyTest : public testing::Test, public CommandFixture {
 protected:
  PoolKeyTest() {
    keep_both();
    use_home();
  }
  void keep_both(std::int64_t sequence = 1) const {
    home.keep({MemberHome::version("av@1", old, "old", {"tls"}, false),
               MemberHome::version("av@2", current, "current")},
              sequence);
  }
  /// Nothing but the home says where the token and its PIN are.
  void use_home(const std::string& extra = "", const std::string& more_init = "") const {
    const std::string requests = "[req]\ndistinguished_name = dn\n[dn]\n";
    write_file(soft.folder() / "openssl.cnf",
               "openssl_conf = init\n[init]\nproviders = providers\n" + more_init +
                   "[providers]\n"
                   "default = default_section\npoolkey = poolkey_section\n"
                   "[default_section]\nactivate = 1\n[poolkey_section]\nidentity = poolkey\n"
                   "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\npoolkey-home = " +
                   home.folder().string() + "\n" + extra + "activate = 1\n" + requests);
  }
  std::string public_key(const std::string& of) const {
    return must("openssl pkey -in '" + of + "' -pubout");
  }
  std::string refused(const std::string& of) const {
    const Outcome outcome = run("timeout 20 openssl req -new -key '" + of + "' -subj /CN=x");
    EXPECT_NE(outcome.status, 0) << outcome.text;
    return outcome.text;
  }

  crypto::PublicKey old = make_key("EC-P-256", "old");
  crypto::PublicKey current = make_key("RSA-2048", "current");
  MemberHome home{soft};
};

TEST_F(PoolKeyTest, ANameIsTheVersionInForce) {
  EXPECT_EQ(public_key("poolkey://av"), current.pem());
  EXPECT_EQ(public_key("poolkey:av"), current.pem());
  EXPECT_EQ(public_key("poolkey://av?pool=edge"), current.pem());
}

TEST_F(PoolKeyTest, AVersionMayBeNamed) {
  for (const char* name : {"poolkey://av@1", "poolkey://av@v1", "poolkey:av@v1?pool=edge"})
    EXPECT_EQ(public_key(name), old.pem()) << name;
}

TEST_F(PoolKeyTest, ItSigns) {
  must("openssl req -new -key poolkey://av -subj /CN=x -out r.csr");
  must("OPENSSL_CONF=$PLAIN openssl req -in r.csr -verify -noout");
  EXPECT_THAT(must("openssl storeutl -noout poolkey://av"), HasSubstr("0: Pkey\nTotal found: 1"));
  write_file(soft.folder() / "key.pem",
             crypto::reference_pem({"poolkey://av", current.spki_sha256()}));
  must("openssl req -new -key key.pem -subj /CN=x -out r.csr");
}

TEST_F(PoolKeyTest, ANewStatementChangesWhatANameMeans) {
  home.keep({MemberHome::version("av@1", old, "old")}, 2);
  EXPECT_EQ(public_key("poolkey://av"), old.pem());
  EXPECT_THAT(refused("poolkey://av@2"), HasSubstr("has no key 'av@2' by its statement 2"));
}

TEST_F(PoolKeyTest, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(refused("poolkey://other"), HasSubstr("has no key 'other' by its statement 1"));
  EXPECT_THAT(refused("poolkey://av?pool=west"),
              HasSubstr("this member of pool 'edge' has no key"));
  remove_file(home.file());
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("has no statement of its origin yet"));
  configure("");
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("set poolkey-home"));
}

TEST_F(PoolKeyTest, WhatIsNoNameIsRefused) {
  for (const char* name : {"poolkey://", "poolkey://AV", "poolkey://av@", "poolkey://av@0",
                           "poolkey://av?colour=red", "poolkey://av@v1@v2", "poolkey:///av"})
    EXPECT_THAT(refused(name), HasSubstr("names no pool key")) << name;
}

TEST_F(PoolKeyTest, AnotherKeyInItsPlaceIsNotLoaded) {
  home.keep({MemberHome::version("av@1", current, "old")});
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("the token has another key where"));
}

TEST_F(PoolKeyTest, AStatementOfAStrangerIsRefusedForEveryKeyOfTheToken) {
  const test::Identity stranger = test::make_root("stranger");
  home.keep_signed_by(MemberHome::signer_under(stranger),
                      {MemberHome::version("av@1", old, "old")});
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("it was signed by a stranger"));
  EXPECT_THAT(refused(uri("old")), HasSubstr("it was signed by a stranger"));
  home.keep_signed_by(MemberHome::signer_under(home.root(), home::oid::kAuditSigner),
                      {MemberHome::version("av@1", old, "old")});
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("may not sign such documents"));
}

TEST_F(PoolKeyTest, ADamagedStatementIsRefused) {
  const std::string good = read_file(home.file());
  std::string bad = good;
  bad.replace(bad.find("av@2"), 4, "av@3");
  write_file(home.file(), bad);
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("its content was tampered with"));
  write_file(home.file(), good.substr(0, good.size() / 2));
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("the signed document is damaged at octet"));
}

TEST_F(PoolKeyTest, ItIsVerifiedByOtherProvidersWhateverTheProgramPrefers) {
  use_home("", "alg_section = algs\n[algs]\ndefault_properties = ?provider=poolkey\n");
  EXPECT_EQ(public_key("poolkey://av"), current.pem());
}

TEST_F(PoolKeyTest, OpensslCnfOverridesTheHome) {
  use_home("poolkey-pin-source = file:/nonexistent\n");
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("/nonexistent"));
  use_home("poolkey-module = /nonexistent.so\n");
  EXPECT_THAT(refused("poolkey://av"), HasSubstr("there is no PKCS#11 module '/nonexistent.so'"));
}

TEST_F(PoolKeyTest, ThePinOfTheHomeIsTriedOnNoOtherToken) {
  soft.add("second");
  use_home("poolkey-token = second\n");
  EXPECT_THAT(refused("pkcs11:object=k;type=private"), HasSubstr("no PIN was given"));
}

TEST_F(PoolKeyTest, AHomeThatIsNoneIsTold) {
  remove_file(home.folder() / "poolkey.toml");
  EXPECT_THAT(refused(uri("old")), HasSubstr("is no home of poolkey"));
}

TEST_F(PoolKeyTest, APolicyIsKeptWhoeverLoadsTheKey) {
  home.keep({MemberHome::version("av@1", old, "old", {"derive"})});
  for (const std::string& name : {uri("old"), std::string("poolkey://av@1")})
    EXPECT_THAT(refused(name), AllOf(HasSubstr("the pool key av@1 may not sign: by its policy "
                                               "policies/av-auth.toml, key.usages lists derive"),
                                     HasSubstr("denied")));
  must("openssl req -new -key '" + uri("current") + "' -subj /CN=x");  // which no statement names
}

class PoolKeyUsageTest : public PoolKeyTest {
 protected:
  /// What `command` on the file "in" says of `label` with these usages, by name and by URI.
  void expect(const std::string& label, const crypto::PublicKey& key, const std::string& usage,
              const std::string& command, const std::string& refusal) {
    home.keep({MemberHome::version("av@1", key, label, {usage})}, ++sequence);
    for (const std::string& name : {uri(label), std::string("poolkey://av@1")}) {
      const Outcome outcome = run("openssl pkeyutl " + command + " -inkey '" + name + "' -out out");
      EXPECT_EQ(outcome.status == 0, refusal.empty()) << usage << ": " << outcome.text;
      EXPECT_THAT(outcome.text, HasSubstr(refusal)) << usage;
    }
  }
  std::int64_t sequence = 1;
};

TEST_F(PoolKeyUsageTest, RsaDecryptsWithOaepWhereThePolicyListsIt) {
  const crypto::PublicKey key = make_free_key("RSA-2048", "rsa");
  use_home("poolkey-pkcs1-decryption = yes\n");
  write_file(soft.folder() / "pub.pem", key.pem());
  must(
      "encrypt() { OPENSSL_CONF=$PLAIN openssl pkeyutl -encrypt -pubin -inkey pub.pem -in $1 -out "
      "$2 -pkeyopt rsa_padding_mode:$3; }\n"
      "echo secret > message; encrypt message oaep oaep; encrypt message pkcs1 pkcs1");
  const std::string oaep = "-decrypt -pkeyopt rsa_padding_mode:oaep -in oaep";
  expect("rsa", key, "decrypt", oaep, "");
  must("cmp out message");
  expect("rsa", key, "decrypt", oaep + " -pkeyopt rsa_oaep_md:sha3-256",
         "raw RSA is never allowed to pool keys");
  expect("rsa", key, "tls", oaep,
         "the pool key av@1 may not decrypt: by its policy policies/av-auth.toml, key.usages lists "
         "tls, and CKM_RSA_PKCS_OAEP needs 'decrypt'");
  // Whatever policy and configuration say.
  for (const char* usage : {"tls", "decrypt"})
    expect("rsa", key, usage, "-decrypt -in pkcs1",
           "pool keys never decrypt with PKCS#1 v1.5 padding");
  use_home();
  expect("rsa", key, "decrypt", "-decrypt -in pkcs1",
         "pool keys never decrypt with PKCS#1 v1.5 padding");
  expect("rsa", key, "decrypt", "-sign -in message", "the pool key av@1 may not sign");
}

TEST_F(PoolKeyUsageTest, EverySignatureOfTlsIsAllowedAndRawRsaIsNot) {
  const std::string sign = "openssl dgst -sign poolkey://av -out s ",
                    pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest ";
  write_file(soft.folder() / "pub.pem", current.pem());
  for (const std::string digest : {"-sha256 ", "-sha384 ", "-sha512 "})
    for (const std::string& how : {digest, digest + pss})
      must(sign + how + "pub.pem && OPENSSL_CONF=$PLAIN openssl dgst -verify pub.pem " + how +
           "-signature s pub.pem");
  EXPECT_THAT(run(sign + pss + "-sha256 -sigopt rsa_mgf1_md:sha512 pub.pem").text,
              HasSubstr("raw RSA is never allowed to pool keys"));
}

TEST_F(PoolKeyUsageTest, EcAgreesOnSecretsWhereThePolicyListsIt) {
  const crypto::PublicKey key = make_free_key("EC-P-256", "ec");
  write_file(soft.folder() / "pub.pem", key.pem());
  must(
      "openssl genpkey -algorithm EC -pkeyopt group:P-256 -out peer.key\n"
      "openssl pkey -in peer.key -pubout -out peer.pub\n"
      "openssl pkeyutl -derive -inkey peer.key -peerkey pub.pem -out theirs");
  const std::string derive = "-derive -peerkey peer.pub";
  expect("ec", key, "derive", derive, "");
  must("cmp out theirs");
  expect("ec", key, "tls", derive,
         "the pool key av@1 may not agree on secrets: by its policy policies/av-auth.toml, "
         "key.usages lists tls, and CKM_ECDH1_DERIVE needs 'derive'");
}

TEST(RulesTest, AllowWhatThePolicyListsAndNothingElse) {
  const Fixture fixture;
  const crypto::PublicKey key = fixture.make_key("EC-P-256", "k");
  const auto rules = [&](KeyKind kind, std::vector<std::string> usages) {
    return Rules(MemberHome::version("av@1", key, "k", std::move(usages)), kind);
  };
  const Rules tls = rules(KeyKind::kRsa, {"tls", "csr"});
  tls.require(CKM_RSA_PKCS, Act::kSign);
  tls.require(CKM_RSA_PKCS_PSS, Act::kSign);
  rules(KeyKind::kEc, {"tls"}).require(CKM_ECDSA, Act::kSign);
  rules(KeyKind::kEc, {"derive"}).require(CKM_ECDH1_DERIVE, Act::kDerive);
  const Rules decrypts = rules(KeyKind::kRsa, {"decrypt"});
  decrypts.require(CKM_RSA_PKCS_OAEP, Act::kDecrypt);
  const auto denied = [](const Rules& by, CK_MECHANISM_TYPE mechanism, Act act,
                         const char* sentence) {
    EXPECT_THAT([&] { by.require(mechanism, act); }, test::ThrowsErrc(Errc::kDenied, sentence));
  };
  denied(tls, CKM_RSA_PKCS_OAEP, Act::kDecrypt, "lists tls, csr, and CKM_RSA_PKCS_OAEP needs");
  denied(tls, CKM_SHA256_RSA_PKCS, Act::kSign, "may not sign");
  denied(decrypts, CKM_RSA_PKCS, Act::kSign, "needs a signature");
  const char* const padding = "pool keys never decrypt with PKCS#1 v1.5 padding";
  denied(decrypts, CKM_RSA_PKCS, Act::kDecrypt, padding);
  denied(rules(KeyKind::kRsa, {"tls", "decrypt"}), CKM_RSA_PKCS, Act::kDecrypt, padding);
  denied(tls, CKM_ECDH1_DERIVE, Act::kDerive, "needs 'derive'");
  EXPECT_THAT([&] { rules(KeyKind::kEc, {"sing"}); },
              test::ThrowsErrc(Errc::kUnsupported, "the usage 'sing'"));
}

TEST(MemberStateTest, AnOlderStatementIsNeverTakenByAProgramThatSawANewerOne) {
  const test::SoftToken soft;
  const MemberHome home(soft);
  const Settings settings = completed(Settings{.home = home.folder()});
  MemberState state(nullptr);
  EXPECT_EQ(state.statement(settings), nullptr);
  home.keep({}, 7);
  EXPECT_EQ(state.statement(settings)->sequence, 7);
  home.keep({}, 6);
  EXPECT_THAT([&] { state.statement(settings); },
              test::ThrowsErrc(Errc::kConflict, "an older one is never taken"));
}

TEST(ManPageTest, TellsEverySetting) {
  const std::string source = read_file(POOLKEY_SOURCE_DIR "/src/provider/settings.cc"),
                    page = read_file(POOLKEY_SOURCE_DIR "/docs/poolkey-provider.7");
  constexpr std::string_view kBegin = "\"poolkey-";
  std::size_t seen = 0;
  for (auto at = source.find(kBegin); at != std::string::npos; at = source.find(kBegin, at + 1)) {
    const std::string rest = source.substr(at + 1);
    EXPECT_THAT(page, HasSubstr(rest.substr(
                          0, rest.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"))));
    ++seen;
  }
  EXPECT_GE(seen, 8U);
}

}  // namespace
}  // namespace poolkey::provider
