// Ten years of 47-day certificates in virtual time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "world.h"

namespace poolkey::rollover {
namespace {

constexpr Duration kTenYears = Days(3652);

/// Ticks are 15 minutes: about 350,000 in ten years.
const Troubles kTroubles{
    .down = 2000, .longest = Days(1), .lost = 2000, .clock = 5000, .wrong_answer = 5};

class TenYearsTest : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, TenYearsTest, testing::Range(1u, 5u));

TEST_P(TenYearsTest, NoTokenIsRefusedWhileMembersFailAtRandom) {
  World world({.troubles = kTroubles}, GetParam());
  world.run(kTenYears);
  EXPECT_EQ(world.broken, "");
  EXPECT_GE(world.rolls, 75);
  EXPECT_GE(world.ceremonies, world.rolls);
  EXPECT_GT(world.refused, 3);
}

TEST_P(TenYearsTest, VersionsReleasedAheadSaveCeremonies) {
  World world({.members = 5, .ahead = 3, .troubles = kTroubles}, GetParam());
  world.run(kTenYears);
  EXPECT_EQ(world.broken, "");
  EXPECT_GE(world.rolls, 75);
  EXPECT_LE(world.ceremonies, world.rolls / 4 + 1);
}

TEST_P(TenYearsTest, WithoutTheBarrierTheSameTroublesBreakThePool) {
  World world({.barrier = false, .troubles = kTroubles}, GetParam());
  world.run(kTenYears);
  EXPECT_NE(world.broken, "");
}

TEST(QuietYearsTest, WithoutTroubleNothingIsEverTakenBack) {
  World world({}, 1);
  world.run(kTenYears);
  EXPECT_EQ(world.broken, "");
  EXPECT_EQ(world.disarmed, 0);
  EXPECT_EQ(world.faults, 0);
  EXPECT_GE(world.rolls, 75);
}

}  // namespace
}  // namespace poolkey::rollover
