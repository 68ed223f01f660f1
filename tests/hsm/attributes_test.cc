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
  static CK_OBJECT_HANDLE key(Session& session) {
    Template wanted;
    wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
    return find_objects(session, std::move(wanted)).at(0);
  }
  /// CKA_START_DATE is empty, which takes two calls more.
  Attributes read(const std::vector<CK_ATTRIBUTE_TYPE>& types = {CKA_ID, CKA_MODULUS, CKA_LABEL,
                                                                 CKA_KEY_TYPE, CKA_START_DATE}) {
    const Lease lease = token->lease();
    return {*lease, key(*lease), types};
  }
  bool ask(const std::vector<CK_ATTRIBUTE_TYPE>& types) {
    const Lease lease = token->lease();
    return none_is_false(*lease, key(*lease), types);
  }

  test::FaultyToken soft;
  std::shared_ptr<Token> token = soft.login();
};

TEST_F(AttributesTest, TakeOneCallHoweverManyTheyAre) {
  set_faults("");
  const Attributes told = read({CKA_ID, CKA_MODULUS, CKA_LABEL, CKA_KEY_TYPE});
  EXPECT_EQ(calls_of("C_GetAttributeValue"), 1U);
  EXPECT_EQ(to_text(told.bytes(CKA_ID)), "id");
  EXPECT_EQ(to_text(told.bytes(CKA_LABEL)), "k");
  EXPECT_EQ(told.number(CKA_KEY_TYPE), CKK_EC);
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

TEST_F(AttributesTest, TruthsTakeOneCall) {
  set_faults("");
  EXPECT_TRUE(ask({CKA_SIGN, CKA_TOKEN}));
  EXPECT_EQ(calls_of("C_GetAttributeValue"), 1U);
  EXPECT_FALSE(ask({CKA_SIGN, CKA_TRUSTED}) && ask({CKA_SIGN, CKA_ALWAYS_AUTHENTICATE}));
  EXPECT_TRUE(ask({CKA_SIGN, CKA_VENDOR_DEFINED}));  // not told
  set_faults("C_GetAttributeValue 1 zero");
  EXPECT_THAT([&] { ask({CKA_SIGN}); }, ThrowsErrc(Errc::kUnavailable));
}

}  // namespace
}  // namespace poolkey::hsm
