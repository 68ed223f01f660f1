// Whoever has the origin's user PIN, and what its token refuses him on a pool key.
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "hsm/key_pair.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

using hsm::Template;

class OriginPinTest : public SidesTest {
 protected:
  CK_OBJECT_HANDLE pool_key() { return Sides::object(origin, sides().pool_key()); }

  /// An AES key that the attacker generates for his purposes.
  CK_OBJECT_HANDLE own_aes() {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    EXPECT_THAT(raw_generate_aes(origin,
                                 Template()
                                     .set(CKA_TOKEN, false)
                                     .set(CKA_WRAP, true)
                                     .set(CKA_ENCRYPT, true)
                                     .set(CKA_DECRYPT, true)
                                     .set(CKA_EXTRACTABLE, true)
                                     .set(CKA_SENSITIVE, false),
                                 &out),
                RvIs(CKR_OK));
    return out;
  }

  /// An RSA public key that nobody trusts. Whose it is does not matter to the token.
  Template own_rsa() {
    const crypto::PublicKey& key = sides().pool_key().public_key;
    return Template()
        .set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
        .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
        .set(CKA_TOKEN, false)
        .set(CKA_WRAP, true)
        .set(CKA_MODULUS, ByteView(key.modulus()))
        .set(CKA_PUBLIC_EXPONENT, ByteView(key.exponent()));
  }
};

TEST_F(OriginPinTest, PoolKeyIsNotWrappedUnderAGeneratedAesKey) {
  EXPECT_THAT(raw_wrap(origin, kwp(), own_aes(), pool_key()), RvIs(CKR_KEY_NOT_WRAPPABLE));
}

TEST_F(OriginPinTest, PoolKeyIsNotWrappedUnderAnAesKeyOfKnownValue) {
  CK_OBJECT_HANDLE known = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_create(origin, known_aes_key(crypto::random_bytes(32)), &known), RvIs(CKR_OK));
  EXPECT_THAT(raw_wrap(origin, kwp(), known, pool_key()), RvIs(CKR_KEY_NOT_WRAPPABLE));
}

TEST_F(OriginPinTest, PoolKeyIsNotWrappedUnderAnUntrustedRsaKey) {
  CK_OBJECT_HANDLE rsa = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_create(origin, own_rsa(), &rsa), RvIs(CKR_OK));
  EXPECT_THAT(raw_wrap(origin, oaep(), rsa, pool_key()), RvIs(CKR_KEY_NOT_WRAPPABLE));
}

TEST_F(OriginPinTest, PrivateExponentIsNotRead) {
  EXPECT_THAT(raw_read(origin, pool_key(), CKA_PRIVATE_EXPONENT), RvIs(CKR_ATTRIBUTE_SENSITIVE));
}

TEST_F(OriginPinTest, PrimesAreNotRead) {
  for (const CK_ATTRIBUTE_TYPE part :
       {CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT})
    EXPECT_THAT(raw_read(origin, pool_key(), part), RvIs(CKR_ATTRIBUTE_SENSITIVE));
}

TEST_F(OriginPinTest, PoolKeyIsNotMadeReadable) {
  EXPECT_THAT(raw_set(origin, pool_key(), Template().set(CKA_SENSITIVE, false)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, PoolKeyIsNotCopiedReadable) {
  EXPECT_THAT(
      raw_copy(origin, pool_key(), Template().set(CKA_TOKEN, false).set(CKA_SENSITIVE, false)),
      RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, WrapWithTrustedIsNotDropped) {
  EXPECT_THAT(raw_set(origin, pool_key(), Template().set(CKA_WRAP_WITH_TRUSTED, false)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, WrapWithTrustedIsNotDroppedByACopy) {
  EXPECT_THAT(raw_copy(origin, pool_key(),
                       Template().set(CKA_TOKEN, false).set(CKA_WRAP_WITH_TRUSTED, false)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, ACopyIsAsBoundAsThePoolKey) {
  CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_copy(origin, pool_key(), Template().set(CKA_TOKEN, false), &copy), RvIs(CKR_OK));
  EXPECT_THAT(raw_wrap(origin, kwp(), own_aes(), copy), RvIs(CKR_KEY_NOT_WRAPPABLE));
  EXPECT_THAT(raw_read(origin, copy, CKA_PRIVATE_EXPONENT), RvIs(CKR_ATTRIBUTE_SENSITIVE));
}

TEST_F(OriginPinTest, TrustedPublicKeyIsNotImported) {
  EXPECT_THAT(raw_create(origin, own_rsa().set(CKA_PRIVATE, false).set(CKA_TRUSTED, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, TrustedAesKeyIsNotImported) {
  EXPECT_THAT(
      raw_create(
          origin,
          known_aes_key(crypto::random_bytes(32)).set(CKA_PRIVATE, false).set(CKA_TRUSTED, true)),
      RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, TrustedAesKeyIsNotGenerated) {
  EXPECT_THAT(raw_generate_aes(origin, Template()
                                           .set(CKA_TOKEN, false)
                                           .set(CKA_PRIVATE, false)
                                           .set(CKA_WRAP, true)
                                           .set(CKA_TRUSTED, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, OwnKeyIsNotMarkedAsTrusted) {
  EXPECT_THAT(raw_set(origin, own_aes(), Template().set(CKA_TRUSTED, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_THAT(raw_copy(origin, own_aes(), Template().set(CKA_TRUSTED, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(OriginPinTest, TrustedKeyOfAMemberIsNeitherChangedNorCopied) {
  sides().sealed();
  const CK_OBJECT_HANDLE trusted = hsm::find_trusted_key(origin, sides().transport());
  ASSERT_NE(trusted, CK_INVALID_HANDLE);
  EXPECT_THAT(raw_set(origin, trusted, Template().set(CKA_ENCRYPT, true)),
              RvIs(CKR_ACTION_PROHIBITED));
  EXPECT_THAT(raw_copy(origin, trusted, Template().set(CKA_TOKEN, false)),
              RvIs(CKR_ACTION_PROHIBITED));
}

// Clulow's attack: a key that wraps and decrypts as well gives back in the clear what it wrapped.
TEST_F(OriginPinTest, WrappedKeyIsNotDecryptedByTheKeyThatWrappedIt) {
  const CK_OBJECT_HANDLE both = own_aes(), prey = own_aes();
  Bytes wrapped;
  ASSERT_THAT(raw_wrap(origin, kwp(), both, prey, &wrapped), RvIs(CKR_OK));
  for (const CK_MECHANISM_TYPE cipher : {CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CTR})
    EXPECT_THAT(raw_decrypt(origin, {cipher, nullptr, 0}, both, wrapped),
                RvIs(CKR_MECHANISM_INVALID));
}

TEST_F(OriginPinTest, OnlyTheListedMechanismsWrap) {
  const CK_OBJECT_HANDLE mine = own_aes(), prey = own_aes();
  Bytes iv(16);
  EXPECT_THAT(raw_wrap(origin, {CKM_AES_KEY_WRAP, nullptr, 0}, mine, prey),
              RvIs(CKR_MECHANISM_INVALID));
  EXPECT_THAT(raw_wrap(origin, {CKM_AES_CBC, iv.data(), iv.size()}, mine, prey),
              RvIs(CKR_MECHANISM_INVALID));
}

TEST_F(OriginPinTest, UnwrapIsNoWayToForgeAPoolKeysAttributes) {
  // The attacker's own blob gives the attacker's own key: it is not LOCAL, and it is not the
  // pool key.
  const CK_OBJECT_HANDLE mine = own_aes(), prey = own_aes();
  Bytes wrapped;
  ASSERT_THAT(raw_wrap(origin, kwp(), mine, prey, &wrapped), RvIs(CKR_OK));
  CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
  const Template aes =
      Template().set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY}).set(CKA_KEY_TYPE, CK_ULONG{CKK_AES});
  EXPECT_THAT(raw_unwrap(origin, kwp(), mine, wrapped, Template(aes).set(CKA_LOCAL, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  ASSERT_THAT(raw_unwrap(origin, kwp(), mine, wrapped, aes, &unwrapped), RvIs(CKR_OK));
  EXPECT_EQ(hsm::read_bool(origin, unwrapped, CKA_LOCAL), false);
}

/// RSA PKCS#1 v1.5 encryption in software.
Bytes encrypt_for(const crypto::PublicKey& key, ByteView message) {
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key.evp(), nullptr));
  Bytes out(key.modulus().size());
  std::size_t size = out.size();
  EXPECT_EQ(EVP_PKEY_encrypt_init(ctx.get()), 1);
  EXPECT_EQ(EVP_PKEY_encrypt(ctx.get(), out.data(), &size, message.data(), message.size()), 1);
  return out;
}

// What SoftHSM does NOT refuse: the price of `signing = "session-copy"`, which wants
// CKA_MODIFIABLE. The policy file says so.
TEST_F(OriginPinTest, NotRefusedDecryptionIsSwitchedOnForASessionCopyKey) {
  const PooledKey key = sides().generate(av_auth(), "session-copy");
  const CK_OBJECT_HANDLE object = Sides::object(origin, key);
  const Bytes secret = to_bytes("for the key's owner only");
  const Bytes sealed = encrypt_for(key.public_key, secret);
  EXPECT_THAT(raw_decrypt(origin, {CKM_RSA_PKCS, nullptr, 0}, object, sealed),
              RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
  EXPECT_THAT(raw_set(origin, object, Template().set(CKA_DECRYPT, true)), RvIs(CKR_OK));
  Bytes opened;
  EXPECT_THAT(raw_decrypt(origin, {CKM_RSA_PKCS, nullptr, 0}, object, sealed, &opened),
              RvIs(CKR_OK));
  EXPECT_EQ(opened, secret);
}

TEST_F(OriginPinTest, AllowedMechanismsLimitWhatASwitchedOnFlagIsGoodFor) {
  const PooledKey key = sides().generate(av_auth(), "limited");
  const CK_OBJECT_HANDLE object = Sides::object(origin, key);
  ASSERT_THAT(raw_set(origin, object, Template().set(CKA_DECRYPT, true).set(CKA_UNWRAP, true)),
              RvIs(CKR_OK));
  const Bytes blob(key.public_key.modulus().size(), 0x01);
  EXPECT_THAT(raw_decrypt(origin, oaep(), object, blob), RvIs(CKR_MECHANISM_INVALID));
  EXPECT_THAT(raw_unwrap(origin, oaep(), object, blob, hsm::transport_unwrap_template()),
              RvIs(CKR_MECHANISM_INVALID));
}

TEST_F(OriginPinTest, DecryptionIsNotSwitchedOnForATokenObjectKey) {
  const PooledKey key = sides().generate(av_auth("RSA-2048", "token-object"), "token-object");
  const CK_OBJECT_HANDLE object = Sides::object(origin, key);
  EXPECT_THAT(raw_set(origin, object, Template().set(CKA_DECRYPT, true)),
              RvIs(CKR_ACTION_PROHIBITED));
  EXPECT_THAT(raw_copy(origin, object, Template().set(CKA_TOKEN, false).set(CKA_DECRYPT, true)),
              RvIs(CKR_ACTION_PROHIBITED));
}

// What no HSM refuses: the PIN's holder signs. Policy and audit stand above the token.
TEST_F(OriginPinTest, NotRefusedPoolKeySigns) {
  EXPECT_THAT(raw_sign_init(origin, {CKM_RSA_PKCS, nullptr, 0}, pool_key()), RvIs(CKR_OK));
}

TEST_F(OriginPinTest, KeyThatMayNotBeExportedIsNotWrappedEvenUnderATrustedKey) {
  const PooledKey own = sides().generate(issuing_ca(), "issuing-ca@1");
  sides().become_security_officer();
  const CK_OBJECT_HANDLE trusted = hsm::generate_trusted_wrapping_key(sides().origin->keeper());
  sides().become_user();
  EXPECT_THAT(raw_wrap(origin, kwp(), trusted, Sides::object(origin, own)),
              RvIs(CKR_KEY_UNEXTRACTABLE));
  hsm::destroy_object(origin, trusted);
}

}  // namespace
}  // namespace poolkey::test
