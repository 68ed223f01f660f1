#include "base/clock.h"

#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using test::ThrowsErrc;

TEST(ClockTest, WritesAndReadsTheSame) {
  for (const std::string text :
       {"1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-11-22T08:00:00Z",
        "2038-01-19T03:14:08Z", "9999-12-31T23:59:59Z"})
    EXPECT_EQ(rfc3339(parse_rfc3339(text)), text);
  EXPECT_EQ(parse_rfc3339("2038-01-19T03:14:08Z").time_since_epoch().count(), 2147483648);
}

TEST(ClockTest, RefusesEveryOtherForm) {
  for (const std::string bad :
       {"", "2026-11-22", "2026-11-22 08:00:00Z", "2026-11-22T08:00:00",
        "2026-11-22T08:00:00+00:00", "2026-11-22T08:00:00.5Z", "2026-11-22T08:00:00Z ",
        "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-22T24:00:00Z",
        "2026-11-22T08:60:00Z", "2026-11-22T08:00:60Z", "2026-1-2T08:00:00Z",
        "+026-11-22T08:00:00Z", "2026-11-22t08:00:00z"})
    EXPECT_THAT([&] { parse_rfc3339(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

TEST(ClockTest, StandsWhereItWasPut) {
  FixedClock clock(parse_rfc3339("2026-11-22T08:00:00Z"));
  EXPECT_EQ(rfc3339(clock.now()), "2026-11-22T08:00:00Z");
  clock.set(clock.now() + Days(10));
  EXPECT_EQ(rfc3339(clock.now()), "2026-12-02T08:00:00Z");
}

TEST(ClockTest, SystemClockIsInThisCentury) {
  EXPECT_GT(SystemClock().now(), parse_rfc3339("2020-01-01T00:00:00Z"));
  EXPECT_EQ(rfc3339(SystemClock().now()).size(), 20U);
}

}  // namespace
}  // namespace poolkey
