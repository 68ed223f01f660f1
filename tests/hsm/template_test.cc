#include "hsm/template.h"

#include <cstring>

#include "hsm/object.h"
#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;

TEST(TemplateTest, KeepsTheOrderItWasWrittenIn) {
  Template t;
  t.set(CKA_LABEL, "a").set(CKA_MODIFIABLE, false).append(Template().set(CKA_TOKEN, true));
  ASSERT_EQ(t.count(), 3U);
  const CK_ATTRIBUTE* raw = t.data();
  EXPECT_EQ(raw[0].type, CKA_LABEL);
  EXPECT_EQ(raw[1].type, CKA_MODIFIABLE);
  EXPECT_EQ(raw[2].type, CKA_TOKEN);
}

TEST(TemplateTest, WritesEachKindOfValueInItsSize) {
  Template t;
  t.set(CKA_TOKEN, true).set(CKA_CLASS, CK_ULONG{CKO_DATA}).set(CKA_LABEL, "abc");
  t.set(CKA_ALLOWED_MECHANISMS, std::vector<CK_MECHANISM_TYPE>{CKM_RSA_PKCS, CKM_ECDSA});
  const CK_ATTRIBUTE* raw = t.data();
  EXPECT_EQ(raw[0].ulValueLen, sizeof(CK_BBOOL));
  EXPECT_EQ(raw[1].ulValueLen, sizeof(CK_ULONG));
  EXPECT_EQ(raw[2].ulValueLen, 3U);
  EXPECT_EQ(raw[3].ulValueLen, 2 * sizeof(CK_MECHANISM_TYPE));
}

TEST(TemplateTest, NestedTemplateSurvivesACopyOfTheOuterOne) {
  Template copy;
  {
    const Template inner = Template().set(CKA_SENSITIVE, true).set(CKA_CLASS, CK_ULONG{7});
    copy = Template().set(CKA_UNWRAP_TEMPLATE, inner);
  }
  const CK_ATTRIBUTE* raw = copy.data();
  ASSERT_EQ(raw[0].ulValueLen, 2 * sizeof(CK_ATTRIBUTE));
  const auto* nested = static_cast<const CK_ATTRIBUTE*>(raw[0].pValue);
  EXPECT_EQ(nested[0].type, CKA_SENSITIVE);
  EXPECT_EQ(*static_cast<const CK_BBOOL*>(nested[0].pValue), CK_TRUE);
  EXPECT_EQ(nested[1].type, CKA_CLASS);
}

TEST(TemplateTest, TakesAPolicysSetByName) {
  Template t;
  t.add({{"CKA_SIGN", true}, {"CKA_ALLOWED_MECHANISMS", std::vector<std::string>{"CKM_ECDSA"}}});
  const CK_ATTRIBUTE* raw = t.data();
  ASSERT_EQ(t.count(), 2U);
  EXPECT_EQ(raw[0].type, CKA_SIGN);
  CK_MECHANISM_TYPE mechanism = 0;
  std::memcpy(&mechanism, raw[1].pValue, sizeof mechanism);
  EXPECT_EQ(mechanism, CKM_ECDSA);
}

TEST(TemplateTest, RefusesANameThatItDoesNotKnow) {
  EXPECT_THAT(
      [] {
        Template().add({{"CKA_MAGIC", true}});
      },
      ThrowsErrc(Errc::kUnsupported, "CKA_MAGIC"));
}

TEST(DifferencesTest, NameEachAttributeWithBothValues) {
  const AttributeSet wanted{{"CKA_SIGN", true}, {"CKA_EXTRACTABLE", false}};
  EXPECT_EQ(differences(wanted, wanted), "");
  EXPECT_EQ(differences(wanted, {{"CKA_SIGN", true}, {"CKA_EXTRACTABLE", true}}),
            "CKA_EXTRACTABLE is true, not false");
  EXPECT_EQ(differences(wanted, {{"CKA_SIGN", true}}), "CKA_EXTRACTABLE is not told, not false");
}

TEST(DifferencesTest, TakeMechanismsAsASet) {
  using Names = std::vector<std::string>;
  const AttributeSet wanted{{"CKA_ALLOWED_MECHANISMS", Names{"CKM_RSA_PKCS", "CKM_RSA_PKCS_PSS"}}};
  EXPECT_EQ(
      differences(wanted, {{"CKA_ALLOWED_MECHANISMS", Names{"CKM_RSA_PKCS_PSS", "CKM_RSA_PKCS"}}}),
      "");
  EXPECT_NE(differences(wanted, {{"CKA_ALLOWED_MECHANISMS", Names{"CKM_RSA_PKCS"}}}), "");
}

TEST(ObjectTest, WhatWasWrittenIsFoundAndReadBack) {
  const test::SoftToken soft;
  const auto token = soft.login();
  const Lease lease = token->lease();
  const CK_OBJECT_HANDLE made = create_object(*lease, Template()
                                                          .set(CKA_CLASS, CK_ULONG{CKO_DATA})
                                                          .set(CKA_TOKEN, true)
                                                          .set(CKA_PRIVATE, true)
                                                          .set(CKA_LABEL, "note")
                                                          .set(CKA_VALUE, "text"));
  EXPECT_THAT(find_objects(*lease, Template().set(CKA_LABEL, "note")), testing::ElementsAre(made));
  EXPECT_EQ(read_bytes(*lease, made, CKA_VALUE), to_bytes("text"));
  EXPECT_EQ(read_bool(*lease, made, CKA_PRIVATE), true);
  EXPECT_EQ(read_ulong(*lease, made, CKA_CLASS), CKO_DATA);
  EXPECT_EQ(read_bytes(*lease, made, CKA_MODULUS), std::nullopt);
  destroy_object(*lease, made);
  EXPECT_TRUE(find_objects(*lease, Template().set(CKA_LABEL, "note")).empty());
}

TEST(ObjectTest, SearchesLeaveSessionObjectsOut) {
  const test::SoftToken soft;
  const auto token = soft.login();
  const Lease lease = token->lease();
  create_object(
      *lease,
      Template().set(CKA_CLASS, CK_ULONG{CKO_DATA}).set(CKA_TOKEN, false).set(CKA_LABEL, "brief"));
  EXPECT_TRUE(find_objects(*lease, Template().set(CKA_LABEL, "brief")).empty());
  EXPECT_EQ(find_objects(*lease, Template().set(CKA_LABEL, "brief").set(CKA_TOKEN, false)).size(),
            1U);
}

}  // namespace
}  // namespace poolkey::hsm
