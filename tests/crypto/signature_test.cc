#include "crypto/signature.h"

#include <openssl/rsa.h>

#include "crypto/digest.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

const Bytes kMessage = to_bytes("which member holds the key?");

TEST(SignatureTest, VerifiesWhatItSigned) {
  struct Case {
    EvpPkey key;
    const char* digest;
  };
  std::vector<Case> cases;
  cases.push_back({rsa_key(), "SHA256"});
  cases.push_back({rsa_key(), "SHA512"});
  cases.push_back({ec_key("P-256"), "SHA256"});
  cases.push_back({ec_key("P-384"), "SHA384"});
  cases.push_back({ec_key("P-521"), "SHA-512"});
  cases.push_back({ed25519_key(), ""});
  for (const Case& c : cases) {
    const PublicKey key = PublicKey::from_evp(c.key.get());
    Bytes signature = sign(c.key.get(), c.digest, kMessage);
    EXPECT_TRUE(verify(key, c.digest, kMessage, signature)) << key.algorithm();
    EXPECT_FALSE(verify(key, c.digest, view("another"), signature)) << key.algorithm();
    EXPECT_FALSE(verify(key, c.digest, kMessage, {})) << key.algorithm();
    signature[signature.size() / 2] ^= 1U;
    EXPECT_FALSE(verify(key, c.digest, kMessage, signature)) << key.algorithm();
  }
}

TEST(SignatureTest, NeverFallsBackToADefaultDigest) {
  const EvpPkey rsa = rsa_key();
  EXPECT_THAT([&] { sign(rsa.get(), "", kMessage); }, ThrowsErrc(Errc::kUnsupported));
  EXPECT_THAT([&] { PublicKey::from_evp(rsa.get()).verify("", kMessage, kMessage); },
              ThrowsErrc(Errc::kUnsupported));
  const EvpPkey ed = ed25519_key();
  EXPECT_THAT([&] { sign(ed.get(), "SHA256", kMessage); }, ThrowsErrc(Errc::kUnsupported));
}

TEST(SignatureTest, SignsWithAKeyOfAnotherLibraryContext) {
  const std::unique_ptr<OSSL_LIB_CTX, Free<OSSL_LIB_CTX_free>> context(OSSL_LIB_CTX_new());
  const EvpPkey key = ec_key("P-256", context.get());
  const Bytes signature = sign(key.get(), "SHA256", kMessage, context.get());
  EXPECT_TRUE(PublicKey::from_evp(key.get()).verify("SHA256", kMessage, signature));
}

TEST(EcdsaEncodingTest, WritesMinimalIntegers) {
  Bytes raw(64);
  raw[31] = 0x7f;  // r: one octet
  raw[62] = 0x80;  // s: needs a leading zero
  EXPECT_EQ(hex(ecdsa_der(raw)), "300802017f0203008000");
  EXPECT_EQ(ecdsa_raw(ecdsa_der(raw), 32), raw);
}

TEST(EcdsaEncodingTest, GoesBothWaysForRealSignatures) {
  for (const auto& [curve, half] : {std::pair{"P-256", 32U}, {"P-384", 48U}, {"P-521", 66U}}) {
    const EvpPkey key = ec_key(curve);
    for (int i = 0; i < 20; ++i) {
      const Bytes der = sign(key.get(), "SHA256", kMessage);
      EXPECT_EQ(ecdsa_der(ecdsa_raw(der, half)), der);
    }
  }
}

TEST(EcdsaEncodingTest, RefusesWhatIsNoSignature) {
  for (const std::size_t size : {0U, 63U, 134U})
    EXPECT_THAT([&] { ecdsa_der(Bytes(size, 1)); }, ThrowsErrc(Errc::kCorrupt)) << size;
  EXPECT_THAT([] { ecdsa_der(Bytes(64)); }, ThrowsErrc(Errc::kCorrupt, "zero"));
  for (const char* der : {"", "30", "3000", "3006020100020101", "3006020101020180",
                          "300702020001020101",    // r not minimal
                          "30060201010201010000",  // trailing
                          "3081060201010201 01"})  // length not minimal
    EXPECT_THAT([&] { ecdsa_raw(from_hex(der), 32); }, ThrowsErrc(Errc::kCorrupt)) << der;
  const EvpPkey key = ec_key("P-384");
  const Bytes der = sign(key.get(), "SHA256", kMessage);
  EXPECT_THAT([&] { ecdsa_raw(der, 32); }, ThrowsErrc(Errc::kCorrupt, "32"));
  survive_mutations(der, [](const Bytes& bytes) { ecdsa_raw(bytes, 48); });
}

TEST(DigestInfoTest, IsWhatRsaSignaturesHold) {
  const EvpPkey key = rsa_key();
  for (const char* name : {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512"}) {
    const Bytes signature = sign(key.get(), name, kMessage);
    const EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_verify_recover_init(ctx.get()), 1);
    ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING), 1);
    Bytes inside(256);
    std::size_t size = inside.size();
    ASSERT_EQ(EVP_PKEY_verify_recover(ctx.get(), inside.data(), &size, signature.data(),
                                      signature.size()),
              1);
    inside.resize(size);
    EXPECT_EQ(digest_info(name, digest(name, kMessage)), inside) << name;
  }
}

TEST(DigestInfoTest, RefusesWrongSizesAndOtherDigests) {
  EXPECT_THAT([] { digest_info("SHA256", Bytes(20)); }, ThrowsErrc(Errc::kInvalidArgument, "32"));
  EXPECT_THAT([] { digest_info("SHA3-256", Bytes(32)); }, ThrowsErrc(Errc::kUnsupported));
}

}  // namespace
}  // namespace poolkey::crypto
