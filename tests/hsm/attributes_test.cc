// Attributes that are read together.
#include "hsm/attributes.h"

#include <gmock/gmock.h>

#include <array>

#include "hsm/key_pair.h"
#include "hsm/object.h"
#include "support/faulty_token.h"
#include "support/matchers.h"

namespace poolkey::hsm {
namespace {

using test::calls_of;
using test::set_faults;
using test::ThrowsErrc;

class AttributesTest : public testing::Test {
 protected:
  AttributesTest() {
    generate_key_pair(*token, {.algorithm = "EC-P-256",
                               .private_attributes = {{"CKA_SIGN", true}},
                               .public_attributes = {{"CKA_VERIFY", true}},
                               .private_extra = {},
                               .label = "k",
                               .id = to_bytes("id")});
  }
  Attributes read() {
    static constexpr std::array<CK_ATTRIBUTE_TYPE, 6> kTypes{
        CKA_ID, CKA_MODULUS, CKA_LABEL, CKA_KEY_TYPE, CKA_SIGN, CKA_START_DATE};
    Template wanted;
    wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
    const Lease lease = token->lease();
    return {*lease, find_objects(*lease, std::move(wanted)).at(0), kTypes};
  }

  test::FaultyToken soft;
  std::shared_ptr<Token> token = soft.login();
};

TEST_F(AttributesTest, TakeTwoCallsHoweverManyTheyAre) {
  set_faults("");
  const Attributes told = read();
  EXPECT_EQ(calls_of("C_GetAttributeValue"), 2U);
  EXPECT_EQ(to_text(told.bytes(CKA_ID)), "id");
  EXPECT_EQ(to_text(told.bytes(CKA_LABEL)), "k");
  EXPECT_EQ(told.number(CKA_KEY_TYPE), CKK_EC);
  EXPECT_EQ(told.truth(CKA_SIGN), true);
}

TEST_F(AttributesTest, WhatIsNotToldIsNotThere) {
  const Attributes told = read();
  EXPECT_EQ(told.find(CKA_MODULUS), nullptr);
  EXPECT_EQ(told.number(CKA_MODULUS), std::nullopt);
  EXPECT_EQ(told.find(CKA_CLASS), nullptr);  // not asked for
  ASSERT_NE(told.find(CKA_START_DATE), nullptr);
  EXPECT_TRUE(told.find(CKA_START_DATE)->empty());
}

TEST_F(AttributesTest, AWrongLengthIsCaught) {
  for (const char* call : {"1", "2"})
    for (const char* fault : {"short", "long", "zero"}) {
      set_faults("C_GetAttributeValue " + std::string(call) + " " + fault);
      EXPECT_THAT([&] { read(); }, ThrowsErrc(Errc::kUnavailable)) << call << " " << fault;
    }
}

}  // namespace
}  // namespace poolkey::hsm
