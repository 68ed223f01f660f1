// Token buckets in virtual time, and quotas over restarts.
#include "service/limits.h"

#include <thread>

#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::service {
namespace {

using namespace std::chrono_literals;
using policy::AccessLimits;
using policy::Principal;
using policy::PrincipalKind;

const Limits::Instant kStart{1000s};
const AccessLimits kFiveAndTen{.requests_per_second = 5, .burst = 10, .signatures_per_day = 100};

TEST(LimitsTest, GivesABurstAndThenTheRate) {
  Limits limits;
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart));
  EXPECT_EQ(limits.take("a", kFiveAndTen, kStart), 1s);
  EXPECT_TRUE(limits.take("a", kFiveAndTen, kStart + 199ms));
  EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart + 200ms));
  EXPECT_TRUE(limits.take("a", kFiveAndTen, kStart + 201ms));
  int given = 0;
  for (auto t = kStart + 1s; t < kStart + 61s; t += 10ms)
    if (!limits.take("a", kFiveAndTen, t)) ++given;
  EXPECT_NEAR(given, 5 * 60, 5);
}

TEST(LimitsTest, SavesUpNoMoreThanABurst) {
  Limits limits;
  EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart));
  int given = 0;
  while (!limits.take("a", kFiveAndTen, kStart + 24h)) ++given;
  EXPECT_EQ(given, 10);
}

TEST(LimitsTest, KeepsPrincipalsApart) {
  Limits limits;
  while (!limits.take("a", kFiveAndTen, kStart)) continue;
  EXPECT_FALSE(limits.take("b", kFiveAndTen, kStart));
}

TEST(LimitsTest, TakesSeveralOrNone) {
  Limits limits;
  EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart, 7));
  EXPECT_EQ(limits.take("a", kFiveAndTen, kStart, 9), 2s);  // 6 are missing, at 5 a second
  EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart, 3)) << "the 9 took nothing";
  EXPECT_FALSE(limits.take("a", kFiveAndTen, kStart + 1h, 1000)) << "a burst is all there ever is";
}

TEST(LimitsTest, BearsAClockThatStandsOrGoesBack) {
  Limits limits;
  while (!limits.take("a", kFiveAndTen, kStart)) continue;
  EXPECT_TRUE(limits.take("a", kFiveAndTen, kStart - 1h));
  EXPECT_TRUE(limits.take("a", kFiveAndTen, kStart + 100ms)) << "no hour was gained";
}

TEST(LimitsTest, FollowsChangedLimits) {
  Limits limits;
  while (!limits.take("a", kFiveAndTen, kStart)) continue;
  const AccessLimits more{.requests_per_second = 100, .burst = 100};
  EXPECT_FALSE(limits.take("a", more, kStart + 10ms));
}

TEST(LimitsTest, IsBounded) {
  Limits limits;
  for (std::size_t i = 0; i < 3 * Limits::kMost; ++i)
    limits.take("address:" + std::to_string(i), kFiveAndTen, kStart);
  EXPECT_EQ(limits.size(), Limits::kMost);
}

TEST(LimitsTest, KeepsWhoAsksOverAFloodOfOthers) {
  Limits limits;
  while (!limits.take("a", kFiveAndTen, kStart)) continue;
  for (std::size_t i = 0; i < 3 * Limits::kMost; ++i) {
    limits.take(std::to_string(i), kFiveAndTen, kStart);
    if (i % 1000 == 0) {
      EXPECT_TRUE(limits.take("a", kFiveAndTen, kStart));
    }
  }
}

TEST(LimitsTest, BearsManyThreads) {
  Limits limits;
  std::atomic<int> given = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n)
          if (!limits.take("a", {.requests_per_second = 1, .burst = 500}, kStart)) ++given;
      });
  }
  EXPECT_EQ(given, 500);
}

TEST(LimitKeyTest, IsThePrincipalOrTheAddress) {
  EXPECT_EQ(limit_key({PrincipalKind::kClient, "app"}, "192.0.2.1:5"), "client:app");
  EXPECT_EQ(limit_key({}, "192.0.2.1:5"), "address:192.0.2.1");
  EXPECT_EQ(limit_key({PrincipalKind::kCode, ""}, "192.0.2.1:6"), "address:192.0.2.1");
  EXPECT_EQ(limit_key({}, "[2001:db8:0:1::1]:5"), limit_key({}, "[2001:db8:0:1:ffff::2]:6"));
  EXPECT_EQ(limit_key({}, "[2001:db8:0:1::1]:5"), limit_key({}, "2001:db8:0:1::1:5"));
  EXPECT_NE(limit_key({}, "[2001:db8:0:1::1]:5"), limit_key({}, "[2001:db8:0:2::1]:5"));
  EXPECT_EQ(limit_key({}, "unix"), "address:unix");
}

class QuotaTest : public testing::Test {
 protected:
  test::Scratch folder_;
  store::Database database_ = store::Database::open(folder_ / "state.db");
  const Principal app_{PrincipalKind::kClient, "app"};
  const Time now_ = parse_rfc3339("2026-11-23T22:00:00Z");
  std::optional<Duration> spend(std::uint32_t n, Time at) {
    return spend_signatures(database_, app_, kFiveAndTen, n, at);
  }
};

TEST_F(QuotaTest, CountsToTheLimitAndAnewTheNextDay) {
  EXPECT_FALSE(spend(60, now_));
  EXPECT_EQ(spend(41, now_), Duration(2h)) << "all or none, until midnight";
  EXPECT_FALSE(spend(40, now_));
  EXPECT_TRUE(spend(1, now_));
  EXPECT_EQ(signatures_spent(database_, app_, now_), 100U);
  EXPECT_FALSE(spend(100, now_ + 2h));
  EXPECT_TRUE(spend(1, now_ + 2h));
}

TEST_F(QuotaTest, RefusesMoreThanADayHas) { EXPECT_TRUE(spend(101, now_)); }

TEST_F(QuotaTest, IsPerPrincipal) {
  EXPECT_FALSE(spend(100, now_));
  EXPECT_FALSE(
      spend_signatures(database_, {PrincipalKind::kAccount, "app"}, kFiveAndTen, 100, now_));
}

TEST_F(QuotaTest, OutlivesARestart) {
  EXPECT_FALSE(spend(100, now_));
  auto again = store::Database::open(folder_ / "state.db");
  EXPECT_TRUE(spend_signatures(again, app_, kFiveAndTen, 1, now_));
}

TEST_F(QuotaTest, IsUsedUpInBlocksToTheLastOne) {
  Quotas quotas;
  const AccessLimits limits{.signatures_per_day = 1000};
  int made = 0;
  while (!quotas.spend(database_, app_, limits, 3, now_)) made += 3;
  EXPECT_EQ(made, 999);
  EXPECT_FALSE(quotas.spend(database_, app_, limits, 1, now_));
  EXPECT_EQ(quotas.spend(database_, app_, limits, 1, now_), Duration(2h));
  EXPECT_FALSE(quotas.spend(database_, app_, limits, 1000, now_ + 2h)) << "the next day";
}

TEST_F(QuotaTest, LosesLittleByARestart) {
  const AccessLimits limits{.signatures_per_day = 1000};
  int made = 0;
  for (int restarts = 0; restarts < 5; ++restarts) {
    Quotas quotas;
    for (int i = 0; i < 101; ++i)
      if (!quotas.spend(database_, app_, limits, 1, now_)) ++made;
  }
  EXPECT_EQ(made, 505);
  EXPECT_EQ(signatures_spent(database_, app_, now_), 550U);
  Quotas last;
  while (!last.spend(database_, app_, limits, 1, now_)) ++made;
  EXPECT_EQ(made, 505 + 450);
}

TEST_F(QuotaTest, TakesBackWhatWasNotSigned) {
  Quotas quotas;
  EXPECT_FALSE(quotas.spend(database_, app_, kFiveAndTen, 100, now_));
  quotas.give_back(app_, 10, now_);
  EXPECT_FALSE(quotas.spend(database_, app_, kFiveAndTen, 10, now_));
  quotas.give_back(app_, 10, now_ + 24h);
  EXPECT_TRUE(quotas.spend(database_, app_, kFiveAndTen, 1, now_)) << "that was another day's";
}

TEST_F(QuotaTest, IsSharedByThreads) {
  Quotas quotas;
  std::atomic<int> made = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        auto database = store::Database::open(folder_ / "state.db");
        for (int n = 0; n < 40; ++n)
          if (!quotas.spend(database, app_, kFiveAndTen, 1, now_)) ++made;
      });
  }
  EXPECT_EQ(made, 100);
}

TEST_F(QuotaTest, ForgetsFormerDays) {
  EXPECT_FALSE(spend(1, now_));
  forget_quotas(database_, now_);
  EXPECT_EQ(signatures_spent(database_, app_, now_), 1U);
  forget_quotas(database_, now_ + 24h);
  EXPECT_TRUE(database_.rows("SELECT day FROM quota").empty());
}

TEST_F(QuotaTest, LetsNoTwoProcessesOverTheLimit) {
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i)
    children.push_back(test::start_child([&] {
      auto database = store::Database::open(folder_ / "state.db");
      for (int n = 0; n < 30; ++n) spend_signatures(database, app_, kFiveAndTen, 1, now_);
    }));
  for (const pid_t child : children) EXPECT_EQ(test::end_of(child), 0);
  EXPECT_EQ(signatures_spent(database_, app_, now_), 100U);
}

}  // namespace
}  // namespace poolkey::service
