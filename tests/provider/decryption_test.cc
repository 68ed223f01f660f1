// RSA decryption in the token; what is decrypted was encrypted by the default provider.
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <set>

#include "fixture.h"
#include "support/faulty_token.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

/// Padding and its parameters, the same for both sides.
struct Scheme {
  int padding = RSA_PKCS1_OAEP_PADDING;
  const char* digest = nullptr;
  const char* mgf1 = nullptr;
  std::string label{};

  void apply(EVP_PKEY_CTX* ctx) const {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    const bool good =
        (!digest || EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, digest, nullptr) == 1) &&
        (!mgf1 || EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf1, nullptr) == 1) &&
        (label.empty() || EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, OPENSSL_strdup(label.c_str()),
                                                           static_cast<int>(label.size())) == 1);
    EXPECT_TRUE(good) << crypto::drain_errors();
  }
};

Bytes encrypt(const crypto::PublicKey& key, const Scheme& scheme, ByteView message) {
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key.evp(), nullptr));
  EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
  scheme.apply(ctx.get());
  Bytes out(static_cast<std::size_t>(EVP_PKEY_get_size(key.evp())));
  std::size_t size = out.size();
  EXPECT_EQ(EVP_PKEY_encrypt(ctx.get(), out.data(), &size, message.data(), message.size()), 1)
      << crypto::drain_errors();
  return out;
}

class Decryptor {
 public:
  Decryptor(OSSL_LIB_CTX* libctx, crypto::EvpPkey key) : libctx_(libctx), key_(std::move(key)) {}

  /// What comes out; nothing, and what was said in `said`.
  std::optional<Bytes> operator()(const Scheme& scheme, ByteView ciphertext,
                                  unsigned tls_version = 0) {
    const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(libctx_, key_.get(), nullptr));
    EXPECT_EQ(EVP_PKEY_decrypt_init(ctx.get()), 1) << crypto::drain_errors();
    scheme.apply(ctx.get());
    const OSSL_PARAM version[] = {
        OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &tls_version),
        OSSL_PARAM_construct_end()};
    EXPECT_TRUE(tls_version == 0 || EVP_PKEY_CTX_set_params(ctx.get(), version) == 1);
    const crypto::EvpPkeyCtx copy(EVP_PKEY_CTX_dup(ctx.get()));
    std::size_t size = 0;
    EXPECT_EQ(EVP_PKEY_decrypt(copy.get(), nullptr, &size, ciphertext.data(), ciphertext.size()),
              1);
    Bytes out(size);
    if (EVP_PKEY_decrypt(copy.get(), out.data(), &size, ciphertext.data(), ciphertext.size()) ==
        1) {
      out.resize(size);
      return out;
    }
    said = crypto::drain_errors();
    return std::nullopt;
  }
  std::string said;

 private:
  OSSL_LIB_CTX* libctx_;
  crypto::EvpPkey key_;
};

class OaepTest : public testing::Test, public BuiltinFixture {
 protected:
  crypto::PublicKey made = make_free_key("RSA-2048", "k");
  Decryptor decrypt{builtin.context(), load("k")};
};

TEST_F(OaepTest, EveryDigestMgf1AndLabel) {
  for (const char* digest : {"SHA1", "SHA256", "SHA384", "SHA512", "SHA3-256"})
    for (const char* mgf1 : {"SHA1", "SHA256", "SHA3-512"})
      for (const std::string label : {"", "label"}) {
        const Scheme scheme{.digest = digest, .mgf1 = mgf1, .label = label};
        const auto out = decrypt(scheme, encrypt(made, scheme, view("secret")));
        ASSERT_TRUE(out) << digest << mgf1 << label << decrypt.said;
        EXPECT_EQ(to_text(*out), "secret");
      }
  const Scheme plain;
  for (const std::size_t size : {0UL, 1UL, 214UL}) {
    const Bytes message(size, 0xa5);
    EXPECT_EQ(decrypt(plain, encrypt(made, plain, message)), message);
  }
}

TEST_F(OaepTest, WhatIsDamagedOrMeantOtherwiseIsRefusedWithOneSentence) {
  const Scheme plain, labelled{.label = "x"}, sha256{.digest = "SHA256"};
  const Bytes good = encrypt(made, plain, view("secret"));
  Bytes bad = good;
  bad[100] ^= 1;
  for (const auto& [scheme, ciphertext] :
       {std::pair{plain, bad}, {labelled, good}, {sha256, good}}) {
    EXPECT_FALSE(decrypt(scheme, ciphertext));
    EXPECT_THAT(decrypt.said, HasSubstr("the ciphertext is damaged, or was made for another key"));
  }
  for (const Bytes& ciphertext : {Bytes(257, 1), Bytes(256, 0xff), Bytes()}) {
    EXPECT_FALSE(decrypt(plain, ciphertext));
    EXPECT_THAT(decrypt.said, HasSubstr("is not one for an RSA key of 2048 bits"));
  }
  EXPECT_EQ(to_text(decrypt(plain, good).value_or(Bytes{})), "secret");
}

TEST_F(OaepTest, ASmallBufferGetsNothing) {
  const crypto::EvpPkey key = load("k");
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(builtin.context(), key.get(), nullptr));
  ASSERT_EQ(EVP_PKEY_decrypt_init(ctx.get()), 1);
  const Scheme plain;
  plain.apply(ctx.get());
  const Bytes ciphertext = encrypt(made, plain, view("secret"));
  Bytes out(255, 0xaa);
  std::size_t size = out.size();
  EXPECT_NE(EVP_PKEY_decrypt(ctx.get(), out.data(), &size, ciphertext.data(), ciphertext.size()),
            1);
  EXPECT_EQ(out, Bytes(255, 0xaa));
  EXPECT_THAT(crypto::drain_errors(), HasSubstr("too small"));
}

TEST_F(OaepTest, AKeyThatMayNotDecryptSaysSo) {
  const crypto::PublicKey signing = make_key("RSA-2048", "signs");
  Decryptor other(builtin.context(), load("signs"));
  EXPECT_FALSE(other({}, encrypt(signing, {}, view("m"))));
  EXPECT_THAT(other.said, HasSubstr("CKR_KEY_FUNCTION_NOT_PERMITTED"));
}

TEST_F(OaepTest, Pkcs1DecryptionIsOffUnlessItIsSwitchedOn) {
  for (const int padding : {RSA_PKCS1_PADDING, RSA_NO_PADDING}) {
    EXPECT_FALSE(decrypt({.padding = padding}, Bytes(256, 1)));
    EXPECT_THAT(decrypt.said, HasSubstr("poolkey-pkcs1-decryption = yes"));
  }
  EXPECT_FALSE(decrypt({.padding = RSA_PKCS1_WITH_TLS_PADDING}, Bytes(256, 1), 0x0303));
  EXPECT_THAT(decrypt.said, HasSubstr("RSA key exchange"));
}

TEST(OaepWithoutRawTest, TheTokenSaysWhatItDoesNotDo) {
  const BuiltinFixture fixture(test::kSoftHsm, kWithoutRaw);
  const crypto::PublicKey made = fixture.make_free_key("RSA-2048", "k");
  Decryptor decrypt(fixture.builtin.context(), fixture.load("k"));
  const Scheme sha256{.digest = "SHA256"}, plain;
  EXPECT_FALSE(decrypt(sha256, encrypt(made, sha256, view("m"))));
  EXPECT_THAT(decrypt.said,
              HasSubstr("neither RSA-OAEP with SHA256, MGF1 with SHA256 with this key"));
  EXPECT_EQ(to_text(decrypt(plain, encrypt(made, plain, view("m"))).value_or(Bytes{})), "m");
  // SoftHSM would ignore the label, so it is not asked.
  EXPECT_FALSE(decrypt({.label = "x"}, encrypt(made, plain, view("m"))));
  EXPECT_THAT(decrypt.said, HasSubstr("it does not look at the label"));
}

TEST(DecryptionFaultTest, SessionsAndHandlesThatDiedCostNothingAndOtherFaultsAreTold) {
  const BuiltinFixture fixture(test::kFaultyModule);
  const crypto::PublicKey made = fixture.make_free_key("RSA-2048", "k");
  Decryptor decrypt(fixture.builtin.context(), fixture.load("k"));
  const Scheme plain;
  const Bytes ciphertext = encrypt(made, plain, view("secret"));
  for (const char* fault : {"lose-session", "lose-object", "lose-session"}) {
    test::set_faults(std::string("C_DecryptInit 1 ") + fault);
    EXPECT_EQ(to_text(decrypt(plain, ciphertext).value_or(Bytes{})), "secret")
        << fault << decrypt.said;
  }
  for (const char* fault : {"1+ before CKR_DEVICE_ERROR", "1 short", "1 zero"}) {
    test::set_faults(std::string("C_Decrypt ") + fault);
    EXPECT_FALSE(decrypt(plain, ciphertext)) << fault;
    EXPECT_THAT(decrypt.said, HasSubstr("cannot decrypt: ")) << fault;
    test::set_faults("");
    EXPECT_TRUE(decrypt(plain, ciphertext)) << fault;
  }
}

TEST(DecryptionFaultTest, AnotherKeyUnderTheHandleDecryptsNothing) {
  const BuiltinFixture fixture(test::kFaultyModule);
  const crypto::PublicKey made = fixture.make_free_key("RSA-2048", "k");
  fixture.make_free_key("RSA-2048", "other");
  Decryptor decrypt(fixture.builtin.context(), fixture.load("k"));
  const Scheme plain;
  const Bytes ciphertext = encrypt(made, plain, view("secret"));
  ASSERT_TRUE(decrypt(plain, ciphertext)) << decrypt.said;
  test::set_faults("C_DecryptInit 1 reuse-object");
  EXPECT_EQ(to_text(decrypt(plain, ciphertext).value_or(Bytes{})), "secret") << decrypt.said;
}

/// With raw RSA, and where the token removes the padding itself.
class Pkcs1Test : public testing::TestWithParam<bool>, public CommandFixture {
 protected:
  Pkcs1Test() : CommandFixture(GetParam() ? kForeign : kWithoutRaw) {
    configure("poolkey-pkcs1-decryption = yes\n");
    made = std::make_unique<crypto::PublicKey>(make_free_key("RSA-2048", "k"));
    foreign = std::make_unique<ForeignContext>(*this);
  }
  Decryptor decryptor(const std::string& label) const {
    return {foreign->get(), foreign->load(uri(label))};
  }
  static constexpr int kTls = RSA_PKCS1_WITH_TLS_PADDING;
  const Scheme pkcs1{.padding = RSA_PKCS1_PADDING};
  std::unique_ptr<crypto::PublicKey> made;
  std::unique_ptr<ForeignContext> foreign;
};
INSTANTIATE_TEST_SUITE_P(All, Pkcs1Test, testing::Bool(),
                         [](const auto& mode) { return mode.param ? "RawRsa" : "InTheToken"; });

TEST_P(Pkcs1Test, MessagesOfEverySize) {
  Decryptor decrypt = decryptor("k");
  for (const std::size_t size : {0UL, 1UL, 16UL, 245UL}) {
    const Bytes message(size, 0x5a);
    EXPECT_EQ(decrypt(pkcs1, encrypt(*made, pkcs1, message)), message) << decrypt.said;
  }
}

TEST_P(Pkcs1Test, BadPaddingGivesAMessageThatDependsOnKeyAndCiphertextOnly) {
  make_free_key("RSA-2048", "other");
  Decryptor decrypt = decryptor("k"), again = decryptor("k"), other = decryptor("other");
  ERR_clear_error();
  std::set<Bytes> messages;
  std::set<std::size_t> sizes;
  for (std::uint8_t i = 1; i < 12; ++i) {
    const Bytes garbage(256, i);
    const auto one = decrypt(pkcs1, garbage), two = again(pkcs1, garbage);
    const auto third = other(pkcs1, garbage);
    ASSERT_TRUE(one && two && third) << decrypt.said;
    EXPECT_EQ(*one, *two);
    EXPECT_NE(*one, *third);
    messages.insert(*one);
    sizes.insert(one->size());
  }
  EXPECT_EQ(messages.size(), 11U);
  EXPECT_GT(sizes.size(), 5U);
  Bytes tampered = encrypt(*made, pkcs1, view("secret"));
  tampered[7] ^= 1;
  const auto out = decrypt(pkcs1, tampered);
  ASSERT_TRUE(out);
  EXPECT_NE(to_text(*out), "secret");
  EXPECT_EQ(ERR_peek_error(), 0UL);
}

TEST_P(Pkcs1Test, ThePremasterOfTls) {
  Decryptor decrypt = decryptor("k");
  const std::string premaster = "\x03\x03" + std::string(46, 's');
  const Bytes good = encrypt(*made, pkcs1, view(premaster));
  Bytes bad = good;
  bad[9] ^= 1;
  EXPECT_EQ(to_text(decrypt({.padding = kTls}, good, 0x0303).value_or(Bytes{})), premaster);
  std::set<Bytes> random;
  for (const auto& [ciphertext, version] :
       {std::pair{good, 0x0302U},
        {bad, 0x0303U},
        {bad, 0x0303U},
        {encrypt(*made, pkcs1, view(premaster + "x")), 0x0303U}}) {
    const auto out = decrypt({.padding = kTls}, ciphertext, version);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->size(), 48U);
    EXPECT_NE(to_text(*out), premaster);
    random.insert(*out);
  }
  EXPECT_EQ(random.size(), 4U) << "each is random";
}

TEST_P(Pkcs1Test, RawWhereTheTokenDoesIt) {
  Decryptor decrypt = decryptor("k");
  const Scheme raw{.padding = RSA_NO_PADDING};
  const Bytes message(256, 0x12);
  const auto out = decrypt(raw, encrypt(*made, raw, message));
  EXPECT_EQ(out == message, GetParam());
}

class DecryptionCommandTest : public testing::Test, public CommandFixture {
 protected:
  DecryptionCommandTest() {
    make_free_key("RSA-2048", "k");
    configure("poolkey-pkcs1-decryption = yes\n");
    must("openssl req -x509 -new -key '" + uri("k") +
         "' -subj /CN=localhost -days 3 -out c.pem; echo content > message");
  }
};

TEST_F(DecryptionCommandTest, Pkeyutl) {
  for (const std::string options :
       {"", "-pkeyopt rsa_padding_mode:oaep",
        "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha1 "
        "-pkeyopt rsa_oaep_label:6c6162656c"}) {
    must("OPENSSL_CONF=$PLAIN openssl pkeyutl -encrypt -certin -inkey c.pem -in message -out e " +
         options);
    EXPECT_THAT(must("openssl pkeyutl -decrypt -inkey '" + uri("k") + "' -in e " + options),
                testing::Eq("content\n"));
  }
  configure("");
  EXPECT_THAT(run("openssl pkeyutl -decrypt -inkey '" + uri("k") + "' -in e").text,
              HasSubstr("PKCS#1 v1.5 decryption is off"));
  configure("poolkey-pkcs1-decryption = perhaps\n");
  EXPECT_THAT(run("openssl pkeyutl -decrypt -inkey '" + uri("k") + "' -in e").text,
              HasSubstr("must be 'yes' or 'no'"));
}

TEST_F(DecryptionCommandTest, Cms) {
  for (const std::string options : {"", "-keyopt rsa_padding_mode:oaep",
                                    "-keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha256"}) {
    must(
        "OPENSSL_CONF=$PLAIN openssl cms -encrypt -aes256 -binary -in message -out m.cms "
        "-recip c.pem " +
        options);
    EXPECT_THAT(must("openssl cms -decrypt -in m.cms -recip c.pem -inkey '" + uri("k") + "'"),
                testing::Eq("content\n"));
    EXPECT_THAT(must("openssl cms -decrypt -in m.cms -inkey '" + uri("k") + "'"),
                testing::Eq("content\n"));
  }
}

TEST_F(DecryptionCommandTest, TlsWithRsaKeyExchange) {
  EXPECT_THAT(connect("-tls1_2 -cipher AES128-SHA256"),
              testing::AllOf(HasSubstr("Verify return code: 0 (ok)"), HasSubstr("AES128-SHA256")));
}

}  // namespace
}  // namespace poolkey::provider
