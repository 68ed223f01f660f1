#include "hsm/names.h"

#include "hsm/rv.h"
#include "support/matchers.h"
#include "support/raw_calls.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;

TEST(NamesTest, AttributesGoThereAndBack) {
  for (const char* name : {"CKA_TOKEN", "CKA_EXTRACTABLE", "CKA_WRAP_WITH_TRUSTED",
                           "CKA_ALLOWED_MECHANISMS", "CKA_UNWRAP_TEMPLATE", "CKA_EC_POINT"})
    EXPECT_EQ(attribute_name(attribute(name).type), name);
}

TEST(NamesTest, MechanismsGoThereAndBack) {
  for (const char* name : {"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS", "CKM_RSA_PKCS_OAEP", "CKM_ECDSA",
                           "CKM_AES_KEY_WRAP_PAD", "CKM_AES_KEY_WRAP_KWP"})
    EXPECT_EQ(mechanism_name(mechanism(name)), name);
}

TEST(NamesTest, UnknownNamesAreRefusedByName) {
  EXPECT_THAT([] { attribute("CKA_NONSENSE"); }, ThrowsErrc(Errc::kUnsupported, "CKA_NONSENSE"));
  EXPECT_THAT([] { mechanism("CKM_NONSENSE"); }, ThrowsErrc(Errc::kUnsupported, "CKM_NONSENSE"));
}

TEST(NamesTest, UnknownTypesPrintAsNumbers) {
  EXPECT_EQ(attribute_name(0x80000001), "CKA_0x80000001");
  EXPECT_EQ(mechanism_name(0x80000002), "CKM_0x80000002");
  EXPECT_EQ(rv_name(0x80000003), "CKR_0x80000003");
}

TEST(RvTest, OkThrowsNothing) { EXPECT_NO_THROW(check(CKR_OK, "do it")); }

TEST(RvTest, ErrorSaysWhatWasDoneAndWhatCameOfIt) {
  EXPECT_THAT([] { check(CKR_KEY_NOT_WRAPPABLE, "wrap the key"); },
              ThrowsErrc(Errc::kDenied, "cannot wrap the key: CKR_KEY_NOT_WRAPPABLE"));
}

TEST(RvTest, ErrorCarriesTheCode) {
  EXPECT_THAT([] { check(CKR_DEVICE_ERROR, "sign"); }, test::ThrowsRv(CKR_DEVICE_ERROR));
}

TEST(RvTest, WrongPinIsNeverWorthARetry) {
  for (const CK_RV rv : {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_EXPIRED}) {
    EXPECT_EQ(rv_errc(rv), Errc::kAuthFailed);
    EXPECT_FALSE(is_retryable(rv_errc(rv)));
  }
}

TEST(RvTest, VendorsCodesMeanThatNothingIsKnown) {
  EXPECT_EQ(rv_errc(CKR_VENDOR_DEFINED | 7), Errc::kUnavailable);
}

}  // namespace
}  // namespace poolkey::hsm
