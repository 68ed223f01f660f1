#include "hsm/random.h"

#include <set>

#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::hsm {
namespace {

TEST(RandomTest, OctetsOfTheTokenAreNeverTheSameTwice) {
  const test::SoftToken soft;
  const auto token = soft.open();
  std::set<Bytes> drawn;
  for (int i = 0; i < 1000; ++i) {
    Bytes octets = random_bytes(*token, 16);
    EXPECT_EQ(octets.size(), 16U);
    EXPECT_TRUE(drawn.insert(std::move(octets)).second);
  }
}

}  // namespace
}  // namespace poolkey::hsm
