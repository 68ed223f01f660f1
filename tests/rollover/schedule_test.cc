#include "rollover/schedule.h"

#include <gtest/gtest.h>

#include <set>

namespace poolkey::rollover {
namespace {

const Time kEnds = parse_rfc3339("2029-06-01T00:00:00Z");
const Lead kLead{std::chrono::hours(8), Days(1), Days(2), Days(3)};

TEST(ScheduleTest, PeopleNeedTheirTimeOnlyWhereTheyAreNeeded) {
  const Time with = start_of("edge.av", kEnds, Days(47), kLead, true);
  const Time without = start_of("edge.av", kEnds, Days(47), kLead, false);
  EXPECT_EQ(without - with, Duration(Days(3)));
  EXPECT_LE(without, kEnds - std::chrono::hours(8) - Days(3));
  EXPECT_GT(without, kEnds - std::chrono::hours(8) - Days(6));  // a twentieth of 47 days
}

TEST(ScheduleTest, PoolsOfOneAgeDoNotBeginAtOnce) {
  std::set<Time> starts;
  for (int i = 0; i < 100; ++i)
    starts.insert(start_of("pool" + std::to_string(i), kEnds, Days(47), kLead, true));
  EXPECT_GT(starts.size(), 95u);
}

TEST(ScheduleTest, AYearOf47DayCertificates) {
  const auto rolls = look_ahead("edge.av", kEnds, Days(47), kLead,
                                {.released_ahead = 0, .ahead = 3}, kEnds + Days(365));
  ASSERT_GE(rolls.size(), 8u);
  ASSERT_LE(rolls.size(), 10u);
  for (std::size_t i = 0; i < rolls.size(); ++i) {
    EXPECT_EQ(rolls[i].ceremony, i % 4 == 0) << i;  // one ceremony for four rolls
    EXPECT_LT(rolls[i].start, rolls[i].ask_by);
    EXPECT_EQ(rolls[i].effective, rolls[i].ends - std::chrono::hours(8));
    if (i > 0) {
      EXPECT_GT(rolls[i].start, rolls[i - 1].ends - Days(8));
    }
  }
}

TEST(ScheduleTest, TheSameKeyNeedsNobody) {
  for (const Coming& roll :
       look_ahead("edge.av", kEnds, Days(47), kLead, {.same_key = true}, kEnds + Days(365)))
    EXPECT_FALSE(roll.ceremony);
}

TEST(ScheduleTest, ALeadThatEatsTheValidityEnds) {
  EXPECT_EQ(look_ahead("edge.av", kEnds, Days(5), kLead, {}, kEnds + Days(365)).size(), 1u);
}

}  // namespace
}  // namespace poolkey::rollover
