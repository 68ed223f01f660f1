#include "crypto/wrap.h"

#include <openssl/rsa.h>

#include "crypto/digest.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

Bytes oaep_encrypt(EVP_PKEY* key, const EVP_MD* hash, ByteView plain) {
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key, nullptr));
  Bytes out(512);
  std::size_t size = out.size();
  EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), hash), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), hash), 1);
  EXPECT_EQ(EVP_PKEY_encrypt(ctx.get(), out.data(), &size, plain.data(), plain.size()), 1);
  out.resize(size);
  return out;
}

Bytes kwp_wrap(ByteView kek, ByteView plain) {
  const EvpCipher cipher(EVP_CIPHER_fetch(nullptr, "AES-256-WRAP-PAD", nullptr));
  const EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  Bytes out(plain.size() + 16);
  int size = 0;
  EXPECT_EQ(EVP_EncryptInit_ex2(ctx.get(), cipher.get(), kek.data(), nullptr, nullptr), 1);
  EXPECT_EQ(
      EVP_EncryptUpdate(ctx.get(), out.data(), &size, plain.data(), static_cast<int>(plain.size())),
      1);
  out.resize(static_cast<std::size_t>(size));
  return out;
}

Bytes pkcs8(EVP_PKEY* key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>> info(
      EVP_PKEY2PKCS8(key));
  return to_der<i2d_PKCS8_PRIV_KEY_INFO>(info.get());
}

Bytes bytes_of(const SecretBytes& secret) { return {secret.view().begin(), secret.view().end()}; }

TEST(WrapTest, OpensAWholeRsaAesBlob) {
  const EvpPkey transport = rsa_key();
  const EvpPkey carried = ec_key();
  const Bytes kek = random_bytes(32);
  const Bytes first = oaep_encrypt(transport.get(), EVP_sha256(), kek);
  const Bytes second = kwp_wrap(kek, pkcs8(carried.get()));
  const SecretBytes opened = oaep_decrypt(transport.get(), "SHA256", first);
  EXPECT_EQ(bytes_of(opened), kek);
  const EvpPkey key = parse_pkcs8_padded(kwp_unwrap(opened.view(), second).view());
  EXPECT_EQ(EVP_PKEY_eq(key.get(), carried.get()), 1);
}

TEST(WrapTest, MatchesRfc5649Vectors) {
  const Bytes kek = from_hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
  EXPECT_EQ(hex(kwp_unwrap(kek, from_hex("138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a"
                                         "5f54f373fa543b6a"))
                    .view()),
            "c37b7e6492584340bed12207808941155068f738");
  EXPECT_EQ(hex(kwp_unwrap(kek, from_hex("afbeb0f07dfbf5419200f2ccb50bb24f")).view()),
            "466f7250617369");
}

TEST(WrapTest, RefusesDamagedBlobsAndOtherKeys) {
  const Bytes kek = random_bytes(32);
  Bytes blob = kwp_wrap(kek, view("sixteen or more octets"));
  EXPECT_THAT([&] { kwp_unwrap(random_bytes(32), blob); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { kwp_unwrap(random_bytes(31), blob); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { kwp_unwrap(kek, {}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { kwp_unwrap(kek, Bytes(17)); }, ThrowsErrc(Errc::kCorrupt));
  survive_mutations(blob, [&](const Bytes& bytes) {
    kwp_unwrap(kek, bytes);
    ADD_FAILURE() << "a damaged blob was opened";
  });
}

TEST(WrapTest, OaepRefusesAnotherHashKeyOrLength) {
  const EvpPkey key = rsa_key();
  const Bytes ciphertext = oaep_encrypt(key.get(), EVP_sha1(), view("kek"));
  EXPECT_EQ(to_text(oaep_decrypt(key.get(), "SHA1", ciphertext).view()), "kek");
  EXPECT_THAT([&] { oaep_decrypt(key.get(), "SHA256", ciphertext); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { oaep_decrypt(rsa_key().get(), "SHA1", ciphertext); },
              ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { oaep_decrypt(key.get(), "SHA1", {}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { oaep_decrypt(ec_key().get(), "SHA1", ciphertext); },
              ThrowsErrc(Errc::kUnsupported));
}

TEST(WrapTest, TakesUpToSevenZerosAfterThePkcs8) {
  const EvpPkey key = rsa_key();
  const Bytes der = pkcs8(key.get());
  for (std::size_t zeros = 0; zeros < 8; ++zeros) {
    Bytes padded = der;
    padded.resize(der.size() + zeros);
    EXPECT_EQ(EVP_PKEY_eq(parse_pkcs8_padded(padded).get(), key.get()), 1) << zeros;
  }
  Bytes long_padding = der;
  long_padding.resize(der.size() + 8);
  EXPECT_THAT([&] { parse_pkcs8_padded(long_padding); }, ThrowsErrc(Errc::kCorrupt, "8 octets"));
  Bytes other_padding = der;
  other_padding.push_back(1);
  EXPECT_THAT([&] { parse_pkcs8_padded(other_padding); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { parse_pkcs8_padded({}); }, ThrowsErrc(Errc::kCorrupt));
  survive_mutations(pkcs8(ec_key().get()), [](const Bytes& bytes) { parse_pkcs8_padded(bytes); });
}

}  // namespace
}  // namespace poolkey::crypto
