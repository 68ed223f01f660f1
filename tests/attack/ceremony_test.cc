// The release's wrapping key, while it lives and after: what the origin's token refuses on it.
#include "crypto/digest.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

using hsm::Template;

class CeremonyTest : public SidesTest {
 protected:
  /// Born under the security officer; the user is logged in again when it is handed out.
  CeremonyTest() {
    sides().become_security_officer();
    wrapping_key = hsm::generate_trusted_wrapping_key(sides().origin->keeper());
    sides().become_user();
  }
  ~CeremonyTest() override { origin.fn().C_DestroyObject(origin.handle(), wrapping_key); }

  CK_OBJECT_HANDLE wrapping_key = CK_INVALID_HANDLE;
};

TEST_F(CeremonyTest, WrappingKeyIsNotWrappedUnderAnUntrustedRsaKey) {
  const crypto::PublicKey& key = sides().pool_key().public_key;
  CK_OBJECT_HANDLE rsa = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_create(origin,
                         Template()
                             .set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
                             .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
                             .set(CKA_TOKEN, false)
                             .set(CKA_WRAP, true)
                             .set(CKA_MODULUS, ByteView(key.modulus()))
                             .set(CKA_PUBLIC_EXPONENT, ByteView(key.exponent())),
                         &rsa),
              RvIs(CKR_OK));
  EXPECT_THAT(raw_wrap(origin, oaep(), rsa, wrapping_key), RvIs(CKR_KEY_NOT_WRAPPABLE));
}

TEST_F(CeremonyTest, WrappingKeyIsNotWrappedUnderAnUntrustedAesKey) {
  CK_OBJECT_HANDLE known = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_create(origin, known_aes_key(crypto::random_bytes(32)), &known), RvIs(CKR_OK));
  EXPECT_THAT(raw_wrap(origin, kwp(), known, wrapping_key), RvIs(CKR_KEY_NOT_WRAPPABLE));
}

TEST_F(CeremonyTest, WrappingKeyIsNotRead) {
  EXPECT_THAT(raw_read(origin, wrapping_key, CKA_VALUE), RvIs(CKR_ATTRIBUTE_SENSITIVE));
}

TEST_F(CeremonyTest, WrappingKeyNeitherEncryptsNorDecrypts) {
  for (const CK_MECHANISM_TYPE cipher :
       {CKM_AES_ECB, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CTR, CKM_AES_GCM}) {
    EXPECT_THAT(raw_encrypt_init(origin, {cipher, nullptr, 0}, wrapping_key),
                RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
    EXPECT_THAT(raw_decrypt(origin, {cipher, nullptr, 0}, wrapping_key, Bytes(16)),
                RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
  }
}

TEST_F(CeremonyTest, WrappingKeyUnwrapsNothing) {
  Bytes wrapped;
  ASSERT_THAT(
      raw_wrap(origin, kwp(), wrapping_key, Sides::object(origin, sides().pool_key()), &wrapped),
      RvIs(CKR_OK));
  EXPECT_THAT(raw_unwrap(origin, kwp(), wrapping_key, wrapped,
                         Template()
                             .set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
                             .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
                             .set(CKA_TOKEN, false)
                             .set(CKA_SENSITIVE, false)),
              RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
}

TEST_F(CeremonyTest, WrappingKeyIsNeitherChangedNorCopied) {
  EXPECT_THAT(raw_set(origin, wrapping_key, Template().set(CKA_DECRYPT, true)),
              RvIs(CKR_ACTION_PROHIBITED));
  EXPECT_THAT(raw_copy(origin, wrapping_key, Template().set(CKA_PRIVATE, true)),
              RvIs(CKR_ACTION_PROHIBITED));
}

TEST_F(CeremonyTest, WrappingKeyGoesWithItsSession) {
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  sides().become_security_officer();
  {
    hsm::Session brief = session_of(sides().origin);
    made = hsm::generate_trusted_wrapping_key(brief);
    EXPECT_EQ(hsm::read_bool(origin, made, CKA_TRUSTED), true);
  }
  sides().become_user();
  EXPECT_THAT(raw_read(origin, made, CKA_TRUSTED), RvIs(CKR_OBJECT_HANDLE_INVALID));
}

TEST_F(CeremonyTest, WrappingKeyIsNeverAnObjectOfTheToken) {
  EXPECT_TRUE(
      hsm::find_objects(origin, Template().set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})).empty());
}

}  // namespace
}  // namespace poolkey::test
