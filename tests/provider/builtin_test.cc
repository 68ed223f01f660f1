// The provider inside our own programs: loading keys, and that it stays within its context.
#include <openssl/provider.h>
#include <openssl/store.h>

#include <array>
#include <atomic>
#include <thread>

#include "crypto/csr.h"
#include "crypto/signature.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

using test::ThrowsErrc;

class BuiltinTest : public testing::TestWithParam<const char*>, public BuiltinFixture {};
INSTANTIATE_TEST_SUITE_P(All, BuiltinTest, kAllAlgorithms, algorithm_name);

TEST_P(BuiltinTest, LoadsAKeyThatSignsAndExportsItsPublicPartOnly) {
  const crypto::PublicKey made = make_key(GetParam(), "k");
  const crypto::EvpPkey key = load("k");
  EXPECT_EQ(crypto::PublicKey::from_evp(key.get()), made);
  EXPECT_EQ(EVP_PKEY_get_bits(key.get()), EVP_PKEY_get_bits(made.evp()));
  EXPECT_EQ(EVP_PKEY_get_security_bits(key.get()), EVP_PKEY_get_security_bits(made.evp()));
  EXPECT_EQ(EVP_PKEY_get_size(key.get()), EVP_PKEY_get_size(made.evp()));
  EXPECT_EQ(EVP_PKEY_get_id(key.get()), EVP_PKEY_get_id(made.evp()));
  EXPECT_EQ(EVP_PKEY_eq(key.get(), made.evp()), 1);
  EXPECT_EQ(EVP_PKEY_eq(made.evp(), key.get()), 1);
  EXPECT_EQ(i2d_PrivateKey(key.get(), nullptr), -1);
  ERR_clear_error();
  const Bytes signature =
      crypto::sign(key.get(), digest_for(GetParam()), view("hello"), builtin.context());
  EXPECT_TRUE(made.verify(digest_for(GetParam()), view("hello"), signature));
}

TEST_P(BuiltinTest, SignsACertificateRequest) {
  const crypto::PublicKey made = make_key(GetParam(), "k");
  crypto::CsrSpec spec;
  spec.subject.common_name = "sip.contoso.com";
  spec.dns_sans = {"sip.contoso.com"};
  const crypto::ParsedCsr csr =
      crypto::parse_csr(crypto::build_csr(spec, load("k").get(), builtin.context()));
  EXPECT_TRUE(csr.signature_valid);
  EXPECT_EQ(csr.public_key, made);
}

TEST_P(BuiltinTest, LeavesTheErrorQueueAsItFoundIt) {
  make_key(GetParam(), "k");
  ERR_clear_error();  // SoftHSM's own
  const crypto::EvpPkey key = load("k");
  crypto::sign(key.get(), digest_for(GetParam()), view("hello"), builtin.context());
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_P(BuiltinTest, DuplicatesAKey) {
  const crypto::PublicKey made = make_key(GetParam(), "k");
  crypto::EvpPkey copy;
  copy.reset(EVP_PKEY_dup(load("k").get()));
  ASSERT_TRUE(copy);
  EXPECT_TRUE(
      made.verify(digest_for(GetParam()), view("x"),
                  crypto::sign(copy.get(), digest_for(GetParam()), view("x"), builtin.context())));
}

class BuiltinErrorTest : public testing::Test, public BuiltinFixture {};

TEST_F(BuiltinErrorTest, TheDefaultContextDoesNotKnowIt) {
  make_key("RSA-2048", "k");
  EXPECT_EQ(OSSL_PROVIDER_available(nullptr, "poolkey"), 0);
  const crypto::ErrorMark mark;
  EXPECT_EQ(OSSL_STORE_open(uri("k").c_str(), nullptr, nullptr, nullptr, nullptr), nullptr);
}

TEST_F(BuiltinErrorTest, ADefaultPropertyOfTheCallerDoesNotLeadBackToUs) {
  for (const char* algorithm : {"RSA-2048", "EC-P-256"}) {
    const crypto::PublicKey made = make_key(algorithm, algorithm);
    ASSERT_EQ(EVP_set_default_properties(builtin.context(), "?provider=poolkey"), 1);
    const crypto::EvpPkey key = load(algorithm);
    EXPECT_TRUE(made.verify("SHA256", view("x"),
                            crypto::sign(key.get(), "SHA256", view("x"), builtin.context())));
  }
}

TEST_F(BuiltinErrorTest, ItIsLoadedAndUnloadedManyTimes) {
  const crypto::PublicKey made = make_key("EC-P-256", "k");
  for (int i = 0; i < 20; ++i) {
    const Builtin again(token);
    const crypto::EvpPkey key = again.load_private_key(uri("k"));
    EXPECT_TRUE(made.verify("SHA256", view("x"),
                            crypto::sign(key.get(), "SHA256", view("x"), again.context())));
  }
}

TEST_F(BuiltinErrorTest, AMissingKeyIsNotFound) {
  EXPECT_THAT([&] { load("nobody"); }, ThrowsErrc(Errc::kNotFound, "nobody"));
}

TEST_F(BuiltinErrorTest, AnotherTokenIsNotFound) {
  EXPECT_THAT([&] { builtin.load_private_key("pkcs11:token=other;object=k;type=private"); },
              ThrowsErrc(Errc::kNotFound, "no token matches"));
}

TEST_F(BuiltinErrorTest, TwoDifferentKeysOfOneLabelAreAConflict) {
  make_key("EC-P-256", "k", Signing::kSessionCopy, "1");
  make_key("EC-P-256", "k", Signing::kSessionCopy, "2");
  EXPECT_THAT([&] { load("k"); }, ThrowsErrc(Errc::kConflict, "2 different private keys"));
  EXPECT_TRUE(builtin.load_private_key("pkcs11:object=k;id=%32;type=private"));
}

TEST_F(BuiltinErrorTest, AUriWithoutAnEqualsSignIsRefused) {
  EXPECT_THAT([&] { builtin.load_private_key("pkcs11:token=test;object"); },
              ThrowsErrc(Errc::kInvalidArgument, "has no '='"));
}

TEST_F(BuiltinErrorTest, APinOrAModuleInAUriIsRefusedWithoutRepeatingIt) {
  for (const std::string name : {"pin-value", "pin-source", "module-path", "module-name"})
    for (const std::string separator : {";", "?"})
      EXPECT_THAT(
          [&] { builtin.load_private_key("pkcs11:object=k" + separator + name + "=canary"); },
          testing::ThrowsMessage<Error>(testing::AllOf(
              testing::HasSubstr("'" + name + "'"), testing::Not(testing::HasSubstr("canary")))));
}

/// The last owner of what is shared may be who looks through it for another key.
TEST(BuiltinThreadsTest, LoadSignAndDropDifferentKeysAtOnce) {
  const BuiltinFixture fixture;
  const std::array labels{"a", "b", "c", "d", "e", "f"};
  for (const char* label : labels) fixture.make_key("EC-P-256", label);
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (const char* label : labels)
    threads.emplace_back([&, label] {
      for (int i = 0; i < 100; ++i) {
        const crypto::EvpPkey key = fixture.load(label);
        const Bytes signature =
            crypto::sign(key.get(), "SHA256", view("m"), fixture.builtin.context());
        if (!crypto::PublicKey::from_evp(key.get()).verify("SHA256", view("m"), signature)) ++wrong;
      }
    });
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace poolkey::provider
