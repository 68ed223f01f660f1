// The blob as a format: OpenSSL opens what the token wrapped, the token opens what OpenSSL wrapped.
#include <openssl/rsa.h>

#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "crypto/signature.h"
#include "crypto/wrap.h"
#include "keys/possession.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

using crypto::EvpPkey;

/// The octets that one DER SEQUENCE takes, by its header.
std::size_t sequence_size(ByteView der) {
  if (der[1] < 0x80) return 2U + der[1];
  std::size_t size = 0;
  for (std::size_t i = 0; i < (der[1] & 0x7fU); ++i) size = size << 8U | der[2 + i];
  return 2 + (der[1] & 0x7fU) + size;
}

/// A blob of the origin's token, opened by OpenSSL alone as far as the padded PKCS#8.
SecretBytes open_in_software(const EvpPkey& transport, const Sealed& sealed) {
  const SecretBytes kek = crypto::oaep_decrypt(transport.get(), "SHA1", sealed.oaep);
  EXPECT_EQ(kek.size(), 32U);
  return crypto::kwp_unwrap(kek.view(), sealed.kwp);
}

/// A blob for the member, made by OpenSSL alone from these octets.
Sealed seal_in_software(const crypto::PublicKey& receiver, ByteView pkcs8) {
  const Bytes kek = crypto::random_bytes(32);
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new(receiver.evp(), nullptr));
  Sealed out;
  out.oaep.resize(receiver.modulus().size());
  std::size_t oaep_size = out.oaep.size();
  EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
  EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING), 1);
  EXPECT_EQ(EVP_PKEY_encrypt(ctx.get(), out.oaep.data(), &oaep_size, kek.data(), kek.size()), 1);
  const crypto::EvpCipherCtx cipher(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(cipher.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  out.kwp.resize(pkcs8.size() + 16);
  int kwp_size = 0;
  EXPECT_EQ(EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_wrap_pad(), nullptr, kek.data(), nullptr),
            1);
  EXPECT_EQ(EVP_EncryptUpdate(cipher.get(), out.kwp.data(), &kwp_size, pkcs8.data(),
                              static_cast<int>(pkcs8.size())),
            1);
  out.kwp.resize(static_cast<std::size_t>(kwp_size));
  return out;
}

class SoftwareBlobTest : public SidesTest, public testing::WithParamInterface<std::string> {
 protected:
  EvpPkey transport{EVP_RSA_gen(3072)};
  PooledKey key = sides().generate(av_auth(GetParam()), "av@1");
  SecretBytes padded =
      open_in_software(transport, sides().seal(key, crypto::PublicKey::from_evp(transport.get())));
};

TEST_P(SoftwareBlobTest, IsOpenedByOpensslAloneAndHoldsTheKey) {
  const EvpPkey opened = crypto::parse_pkcs8_padded(padded.view());
  EXPECT_EQ(crypto::PublicKey::from_evp(opened.get()), key.public_key);
  const Bytes message = to_bytes("signed in software");
  EXPECT_TRUE(
      key.public_key.verify("SHA256", message, crypto::sign(opened.get(), "SHA256", message)));
}

TEST_P(SoftwareBlobTest, Pkcs8IsFilledUpToEightOctetsWithZerosAndNothingElse) {
  const std::size_t der = sequence_size(padded.view());
  const ByteView fill = padded.view().subspan(der);
  EXPECT_EQ(padded.size() % 8, 0U);
  EXPECT_EQ(fill.size(), (8 - der % 8) % 8);
  EXPECT_THAT(Bytes(fill.begin(), fill.end()), testing::Each(0));
}

TEST_P(SoftwareBlobTest, MemberTakesThePaddedAndTheStrictForm) {
  const ByteView strict = padded.view().first(sequence_size(padded.view()));
  for (const ByteView form : {padded.view(), strict}) {
    const CK_OBJECT_HANDLE replica =
        sides().deliver(member, key, seal_in_software(sides().transport(), form));
    EXPECT_TRUE(keys::possesses(member, replica, key.public_key));
  }
}

INSTANTIATE_TEST_SUITE_P(, SoftwareBlobTest, testing::Values("RSA-2048", "EC-P-256", "EC-P-384"),
                         [](const auto& row) {
                           std::string out = row.param;
                           std::erase(out, '-');
                           return out;
                         });

}  // namespace
}  // namespace poolkey::test
