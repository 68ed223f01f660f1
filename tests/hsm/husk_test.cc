// An object without name and value, as a process killed within a create leaves it, goes; nothing
// else does. tests/e2e/kill_test.cc makes real ones.
#include "hsm/husk.h"

#include <gtest/gtest.h>

#include "hsm/object.h"
#include "support/sides.h"

namespace poolkey::hsm {
namespace {

Template data_object() { return std::move(Template().set(CKA_CLASS, CK_ULONG{CKO_DATA})); }

std::size_t objects(Token& token) { return find_objects(*token.lease(), {}).size(); }

TEST(HuskTest, IsRemovedAndNothingElseIs) {
  const test::SoftToken soft;
  const auto token = soft.login();
  create_token_object(*token->lease(), std::move(data_object().set(CKA_LABEL, "only a name")));
  create_token_object(*token->lease(),
                      std::move(data_object().set(CKA_VALUE, ByteView(Bytes{1, 2, 3}))));
  EXPECT_EQ(remove_husks(*token), 0U);
  create_token_object(*token->lease(), data_object());
  create_token_object(*token->lease(), data_object());
  EXPECT_EQ(objects(*token), 4U);
  EXPECT_EQ(remove_husks(*token), 2U);
  EXPECT_EQ(objects(*token), 2U);
}

class HuskKeyTest : public test::SidesTest {};

TEST_F(HuskKeyTest, IsNoKeyThatMayNotBeRead) {
  (void)sides().pool_key();
  (void)sides().transport();
  const std::size_t at_origin = objects(*sides().origin), at_member = objects(*sides().member);
  EXPECT_EQ(remove_husks(*sides().origin), 0U);
  EXPECT_EQ(remove_husks(*sides().member), 0U);
  EXPECT_EQ(objects(*sides().origin), at_origin);
  EXPECT_EQ(objects(*sides().member), at_member);
}

}  // namespace
}  // namespace poolkey::hsm
