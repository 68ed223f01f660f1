#include "crypto/digest.h"

#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using test::ThrowsErrc;

TEST(DigestTest, MatchesFipsVectors) {
  EXPECT_EQ(hex(sha256(view("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("SHA-384", view("abc")).size(), 48U);
}

TEST(DigestTest, RefusesUnknownNames) {
  EXPECT_THAT([] { digest("SHA257", {}); }, ThrowsErrc(Errc::kUnsupported, "SHA257"));
  EXPECT_THAT([] { digest("", {}); }, ThrowsErrc(Errc::kUnsupported));
}

TEST(DigestTest, RandomOctetsDiffer) {
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
  EXPECT_TRUE(random_bytes(0).empty());
}

}  // namespace
}  // namespace poolkey::crypto
