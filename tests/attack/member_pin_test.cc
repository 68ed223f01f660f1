// Whoever has a member's user PIN: what its token refuses him, and what it does not.
#include "crypto/digest.h"
#include "crypto/wrap.h"
#include "hsm/key_pair.h"
#include "keys/possession.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

using hsm::Template;

/// What the transport key demands, with one attribute set otherwise.
Template demanded_but(CK_ATTRIBUTE_TYPE type, bool value) {
  Template out;
  out.set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY}).set(CKA_KEY_TYPE, CK_ULONG{CKK_AES});
  for (const CK_ATTRIBUTE_TYPE demanded : {CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_DECRYPT})
    out.set(demanded, demanded == type ? value : demanded == CKA_SENSITIVE);
  return out;
}

class MemberPinTest : public SidesTest {
 protected:
  Rv open_wrapping_key(Template attributes, CK_OBJECT_HANDLE* out = nullptr) {
    return raw_unwrap(member, oaep(), sides().transport_object(member), sides().sealed().oaep,
                      std::move(attributes), out);
  }
  /// Opened as poolkey opens it, with the unwrap template that it gives the wrapping key.
  CK_OBJECT_HANDLE wrapping_key() {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    EXPECT_THAT(open_wrapping_key(hsm::wrapping_key_template(/*extractable=*/false), &out),
                RvIs(CKR_OK));
    return out;
  }
  Rv open_pool_key(Template attributes) {
    return raw_unwrap(member, kwp(), wrapping_key(), sides().sealed().kwp, std::move(attributes));
  }
  CK_OBJECT_HANDLE replica() {
    return sides().deliver(member, sides().pool_key(), sides().sealed());
  }
  CK_OBJECT_HANDLE own_aes() {
    CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
    EXPECT_THAT(raw_create(member, known_aes_key(crypto::random_bytes(32)), &out), RvIs(CKR_OK));
    return out;
  }
};

Template rsa_private() {
  return Template()
      .set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
      .set(CKA_TOKEN, false);
}

TEST_F(MemberPinTest, WrappingKeyIsNotOpenedReadable) {
  EXPECT_THAT(open_wrapping_key(demanded_but(CKA_SENSITIVE, false)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, WrappingKeyIsNotOpenedExtractable) {
  EXPECT_THAT(open_wrapping_key(demanded_but(CKA_EXTRACTABLE, true)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, WrappingKeyIsNotOpenedForDecryption) {
  EXPECT_THAT(open_wrapping_key(demanded_but(CKA_DECRYPT, true)), RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, WrappingKeyIsNotOpenedAsAGenericSecret) {
  EXPECT_THAT(open_wrapping_key(Template()
                                    .set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
                                    .set(CKA_KEY_TYPE, CK_ULONG{CKK_GENERIC_SECRET})
                                    .set(CKA_SENSITIVE, true)
                                    .set(CKA_EXTRACTABLE, false)
                                    .set(CKA_DECRYPT, false)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, WrappingKeyIsNotOpenedWithATemplateThatIsSilent) {
  EXPECT_THAT(
      open_wrapping_key(
          Template().set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY}).set(CKA_KEY_TYPE, CK_ULONG{CKK_AES})),
      RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, OpenedWrappingKeyIsNeitherReadNorLoosened) {
  const CK_OBJECT_HANDLE key = wrapping_key();
  EXPECT_THAT(raw_read(member, key, CKA_VALUE), RvIs(CKR_ATTRIBUTE_SENSITIVE));
  EXPECT_THAT(raw_set(member, key, Template().set(CKA_SENSITIVE, false)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_THAT(raw_set(member, key, Template().set(CKA_EXTRACTABLE, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_THAT(raw_copy(member, key, Template().set(CKA_EXTRACTABLE, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_THAT(raw_wrap(member, kwp(), own_aes(), key), RvIs(CKR_KEY_UNEXTRACTABLE));
}

TEST_F(MemberPinTest, PoolKeyIsNotOpenedReadableUnderThatWrappingKey) {
  EXPECT_THAT(open_pool_key(rsa_private().set(CKA_SENSITIVE, false).set(CKA_EXTRACTABLE, true)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, PoolKeyIsNotOpenedWithATemplateThatIsSilent) {
  EXPECT_THAT(open_pool_key(rsa_private()), RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, PoolKeyIsNotOpenedAsAGenericSecret) {
  EXPECT_THAT(open_pool_key(Template()
                                .set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
                                .set(CKA_KEY_TYPE, CK_ULONG{CKK_GENERIC_SECRET})
                                .set(CKA_SENSITIVE, true)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

TEST_F(MemberPinTest, ReplicaIsNotWrapped) {
  EXPECT_THAT(raw_wrap(member, kwp(), own_aes(), replica()), RvIs(CKR_KEY_UNEXTRACTABLE));
}

TEST_F(MemberPinTest, ReplicaIsNotRead) {
  EXPECT_THAT(raw_read(member, replica(), CKA_PRIVATE_EXPONENT), RvIs(CKR_ATTRIBUTE_SENSITIVE));
}

TEST_F(MemberPinTest, ReplicaIsMadeNeitherReadableNorExtractable) {
  const CK_OBJECT_HANDLE key = replica();
  EXPECT_THAT(raw_set(member, key, Template().set(CKA_SENSITIVE, false)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_THAT(raw_set(member, key, Template().set(CKA_EXTRACTABLE, true)),
              RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(MemberPinTest, ReplicaIsCopiedNeitherReadableNorExtractable) {
  const CK_OBJECT_HANDLE key = replica();
  for (const auto& [type, value] : {std::pair{CKA_SENSITIVE, false}, {CKA_EXTRACTABLE, true}})
    EXPECT_THAT(raw_copy(member, key, Template().set(CKA_TOKEN, false).set(type, value)),
                RvIs(CKR_ATTRIBUTE_READ_ONLY));
}

TEST_F(MemberPinTest, TransportKeyDoesNotDecrypt) {
  const CK_OBJECT_HANDLE transport = sides().transport_object(member);
  EXPECT_THAT(raw_decrypt(member, oaep(), transport, sides().sealed().oaep),
              RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
  EXPECT_THAT(raw_set(member, transport, Template().set(CKA_DECRYPT, true)),
              RvIs(CKR_ACTION_PROHIBITED));
}

TEST_F(MemberPinTest, TransportKeyIsNeitherWrappedNorReadNorCopied) {
  const CK_OBJECT_HANDLE transport = sides().transport_object(member);
  EXPECT_THAT(raw_wrap(member, kwp(), own_aes(), transport), RvIs(CKR_KEY_UNEXTRACTABLE));
  EXPECT_THAT(raw_read(member, transport, CKA_PRIVATE_EXPONENT), RvIs(CKR_ATTRIBUTE_SENSITIVE));
  EXPECT_THAT(raw_copy(member, transport, Template().set(CKA_TOKEN, false)),
              RvIs(CKR_ACTION_PROHIBITED));
}

TEST_F(MemberPinTest, TransportKeyDoesNotSign) {
  EXPECT_THAT(raw_sign_init(member, {CKM_RSA_PKCS, nullptr, 0}, sides().transport_object(member)),
              RvIs(CKR_KEY_FUNCTION_NOT_PERMITTED));
}

TEST_F(MemberPinTest, TransportKeysUnwrapTemplateIsNotRemoved) {
  const CK_OBJECT_HANDLE transport = sides().transport_object(member);
  Template nothing;
  EXPECT_THAT(raw_set(member, transport, Template().set(CKA_UNWRAP_TEMPLATE, nothing)),
              RvIs(CKR_ACTION_PROHIBITED));
  EXPECT_THAT(open_wrapping_key(demanded_but(CKA_SENSITIVE, false)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

// What SoftHSM does NOT refuse: an unwrap template is compared with the caller's, and cannot demand
// that the opened key has one of its own. So a member's PIN opens the envelopes of that member.
// They are not kept after delivery, and a member that is no longer trusted means a new key version.
TEST_F(MemberPinTest, NotRefusedEnvelopeIsOpenedLaxlyAndThePoolKeyIsRead) {
  CK_OBJECT_HANDLE lax = CK_INVALID_HANDLE;
  ASSERT_THAT(open_wrapping_key(hsm::transport_unwrap_template().set(CKA_UNWRAP, true), &lax),
              RvIs(CKR_OK));
  CK_OBJECT_HANDLE readable = CK_INVALID_HANDLE;
  ASSERT_THAT(
      raw_unwrap(member, kwp(), lax, sides().sealed().kwp,
                 rsa_private().set(CKA_SENSITIVE, false).set(CKA_EXTRACTABLE, true), &readable),
      RvIs(CKR_OK));
  Bytes exponent;
  EXPECT_THAT(raw_read(member, readable, CKA_PRIVATE_EXPONENT, &exponent), RvIs(CKR_OK));
  EXPECT_GT(exponent.size(), 200U);
  EXPECT_TRUE(keys::possesses(member, readable, sides().pool_key().public_key));
}

// The wrapping key that our delivery unwraps carries a template of its own for the private key.
TEST_F(MemberPinTest, ReplicaIsNotOpenedExtractableUnderTheStrictWrappingKey) {
  EXPECT_THAT(open_pool_key(rsa_private().set(CKA_SENSITIVE, true).set(CKA_EXTRACTABLE, true)),
              RvIs(CKR_TEMPLATE_INCONSISTENT));
}

}  // namespace
}  // namespace poolkey::test
