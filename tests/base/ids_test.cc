#include "base/ids.h"

#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using test::ThrowsErrc;

TEST(IdsTest, TakesShortPlainNames) {
  for (const std::string good : {"a", "7", "edge-1", "av-2027", "abcdefghijklmnopqrstuvwxyz-12345"})
    EXPECT_EQ(KeyName(good).str(), good);
}

TEST(IdsTest, RefusesWhatIsUnsafeInAPathOrUri) {
  for (const std::string& bad :
       {std::string(), std::string(33, 'a'), std::string("-a"), std::string("a-"), std::string("A"),
        std::string("a b"), std::string("a/b"), std::string(".."), std::string("a;b"),
        std::string("a\0b", 3), std::string("ü"), std::string("a\n"), std::string("a@1")})
    EXPECT_THAT([&] { PoolName{bad}; }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(IdsTest, SaysWhichKindOfNameIsWrong) {
  EXPECT_THAT([] { PoolName("A"); }, ThrowsErrc(Errc::kInvalidArgument, "'A' is not a pool name"));
  EXPECT_THAT([] { KeyName("A"); }, ThrowsErrc(Errc::kInvalidArgument, "key name"));
}

TEST(IdsTest, ReadsKeyVersions) {
  EXPECT_EQ(parse_key_version("av-2027@3"), (KeyVersion{KeyName("av-2027"), 3}));
  EXPECT_EQ(parse_key_version("a@4294967295").version, 4294967295U);
  EXPECT_EQ(parse_key_version("a@7").str(), "a@7");
}

TEST(IdsTest, RefusesOtherKeyVersions) {
  for (const std::string bad : {"", "a", "a@", "@1", "a@0", "a@-1", "a@+1", "a@1x", "a@ 1", "a@1 ",
                                "a@4294967296", "a@1@2", "A@1"})
    EXPECT_THAT([&] { parse_key_version(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(IdsTest, HasOneTextForAKeyVersion) {
  EXPECT_THAT([] { parse_key_version("a@01"); }, ThrowsErrc(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace poolkey
