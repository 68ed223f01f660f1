// RSASSA-PSS with every salt, digest and MGF1, also where the token does not do it itself.
#include <openssl/rsa.h>

#include "crypto/signature.h"
#include "fixture.h"
#include "support/faulty_token.h"

namespace poolkey::provider {
namespace {

class PssTest : public testing::Test, public BuiltinFixture {};

TEST_F(PssTest, EverySaltLengthVerifiesAndIsWhatWasAskedFor) {
  const crypto::PublicKey made = make_key("RSA-2048", "k");
  const crypto::EvpPkey key = load("k");
  struct Case {
    int asked;
    int expected;
  };
  for (const Case& c : {Case{RSA_PSS_SALTLEN_DIGEST, 32}, Case{RSA_PSS_SALTLEN_MAX, 222},
                        Case{RSA_PSS_SALTLEN_AUTO, 222}, Case{0, 0}, Case{20, 20}}) {
    const auto run = [&](EVP_PKEY* pkey, OSSL_LIB_CTX* libctx, int salt, auto init, auto act) {
      const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
      EVP_PKEY_CTX* params = nullptr;
      EXPECT_EQ(init(ctx.get(), &params, "SHA256", libctx, nullptr, pkey, nullptr), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, salt), 1) << crypto::drain_errors();
      return act(ctx.get());
    };
    Bytes signature(256);
    std::size_t size = signature.size();
    EXPECT_EQ(run(key.get(), builtin.context(), c.asked, EVP_DigestSignInit_ex,
                  [&](EVP_MD_CTX* ctx) {
                    return EVP_DigestSign(ctx, signature.data(), &size, view("m").data(), 1);
                  }),
              1)
        << crypto::drain_errors();
    EXPECT_EQ(run(made.evp(), nullptr, c.expected, EVP_DigestVerifyInit_ex,
                  [&](EVP_MD_CTX* ctx) {
                    return EVP_DigestVerify(ctx, signature.data(), size, view("m").data(), 1);
                  }),
              1)
        << c.asked;
    EXPECT_EQ(run(key.get(), builtin.context(), RSA_PSS_SALTLEN_AUTO, EVP_DigestVerifyInit_ex,
                  [&](EVP_MD_CTX* ctx) {
                    return EVP_DigestVerify(ctx, signature.data(), size, view("m").data(), 1);
                  }),
              1)
        << c.asked;
  }
}

TEST_F(PssTest, ASaltThatDoesNotFitIsRefused) {
  make_key("RSA-2048", "k");
  const crypto::EvpPkey key = load("k");
  const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* params = nullptr;
  ASSERT_EQ(EVP_DigestSignInit_ex(ctx.get(), &params, "SHA256", builtin.context(), nullptr,
                                  key.get(), nullptr),
            1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, 223), 1);
  Bytes signature(256);
  std::size_t size = signature.size();
  EXPECT_NE(EVP_DigestSign(ctx.get(), signature.data(), &size, view("m").data(), 1), 1);
  EXPECT_THAT(crypto::drain_errors(), testing::HasSubstr("does not fit"));
}

class PssDigestTest : public testing::Test {
 protected:
  /// A signature of "m", or nothing with what OpenSSL said in `said`.
  std::optional<Bytes> sign(EVP_PKEY* key, OSSL_LIB_CTX* libctx, const char* digest,
                            const char* mgf1) {
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* params = nullptr;
    EXPECT_EQ(EVP_DigestSignInit_ex(ctx.get(), &params, digest, libctx, nullptr, key, nullptr), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST), 1);
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md_name(params, mgf1, nullptr), 1);
    Bytes out(256);
    std::size_t size = out.size();
    if (EVP_DigestSign(ctx.get(), out.data(), &size, view("m").data(), 1) == 1) return out;
    said = crypto::drain_errors();
    return std::nullopt;
  }
  static bool verifies(const crypto::PublicKey& key, const char* digest, const char* mgf1,
                       const Bytes& signature) {
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EVP_PKEY_CTX* params = nullptr;
    return EVP_DigestVerifyInit_ex(ctx.get(), &params, digest, nullptr, nullptr, key.evp(),
                                   nullptr) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md_name(params, mgf1, nullptr) == 1 &&
           EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), view("m").data(), 1) ==
               1;
  }
  std::string said;
};

TEST_F(PssDigestTest, EveryDigestWithEveryMgf1) {
  const BuiltinFixture fixture;
  const crypto::PublicKey made = fixture.make_free_key("RSA-2048", "k");
  const crypto::EvpPkey key = fixture.load("k");
  for (const char* digest : {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-256",
                             "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"})
    for (const char* mgf1 : {"SHA1", "SHA256", "SHA512", "SHA3-256"}) {
      const auto signature = sign(key.get(), fixture.builtin.context(), digest, mgf1);
      ASSERT_TRUE(signature) << digest << " " << mgf1 << " " << said;
      EXPECT_TRUE(verifies(made, digest, mgf1, *signature)) << digest << " " << mgf1;
    }
}

TEST_F(PssDigestTest, WhatTheTokenRefusedIsNotAskedAgain) {
  const BuiltinFixture fixture(test::kFaultyModule);
  fixture.make_free_key("RSA-2048", "k");
  const crypto::EvpPkey key = fixture.load("k");
  OSSL_LIB_CTX* const libctx = fixture.builtin.context();
  ASSERT_TRUE(sign(key.get(), libctx, "SHA256", "SHA1")) << said;
  test::set_faults("");
  ASSERT_TRUE(sign(key.get(), libctx, "SHA256", "SHA1"));
  EXPECT_EQ(test::calls_of("C_SignInit"), 1UL);
  // What it did not refuse is asked of it.
  test::set_faults("C_SignInit 1+ before CKR_DEVICE_ERROR");
  EXPECT_FALSE(sign(key.get(), libctx, "SHA256", "SHA256"));
  EXPECT_THAT(said, testing::HasSubstr("CKR_DEVICE_ERROR"));
}

TEST_F(PssDigestTest, ATokenWithoutRawRsaSaysWhatItDoesNotDo) {
  const BuiltinFixture fixture(test::kSoftHsm, kWithoutRaw);
  const crypto::PublicKey made = fixture.make_free_key("RSA-2048", "k");
  const crypto::EvpPkey key = fixture.load("k");
  for (int i = 0; i < 2; ++i) {
    EXPECT_FALSE(sign(key.get(), fixture.builtin.context(), "SHA256", "SHA1"));
    EXPECT_THAT(said, testing::AllOf(
                          testing::HasSubstr("neither RSASSA-PSS with SHA256 and MGF1 with SHA1"),
                          testing::HasSubstr("nor the raw RSA that would do instead")));
  }
  const auto good = sign(key.get(), fixture.builtin.context(), "SHA256", "SHA256");
  ASSERT_TRUE(good) << said;
  EXPECT_TRUE(verifies(made, "SHA256", "SHA256", *good));
}

TEST_F(PssDigestTest, AKeyThatMayNotDoRawRsaSaysSo) {
  const BuiltinFixture fixture;
  fixture.make_free_key("RSA-2048", "k", {"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"});
  const crypto::EvpPkey key = fixture.load("k");
  EXPECT_FALSE(sign(key.get(), fixture.builtin.context(), "SHA3-256", "SHA3-256"));
  EXPECT_THAT(said, testing::HasSubstr("neither RSASSA-PSS with SHA3-256"));
}

}  // namespace
}  // namespace poolkey::provider
