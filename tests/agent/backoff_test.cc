#include "agent/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace poolkey::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

TEST(BackoffTest, GrowsToItsCapAndBeginsAnewAfterSuccess) {
  Backoff backoff(1s, 10s);
  const double almost_one = 0.999999;
  std::vector<long> seconds;
  for (int i = 0; i < 6; ++i) seconds.push_back((backoff.next(almost_one) + 1ms).count() / 1000);
  EXPECT_EQ(seconds, (std::vector<long>{1, 2, 4, 8, 10, 10}));
  backoff.reset();
  EXPECT_LT(backoff.next(almost_one), 1s);
  EXPECT_EQ(backoff.next(0.0), 0ms);
}

TEST(BackoffTest, NeverComesBackBeforeTheServerWantsIt) {
  Backoff backoff(1s, 10s);
  EXPECT_EQ(backoff.next(0.0, 30s), 30s);
  EXPECT_GT(backoff.next(0.5, 30s), 40s) << "and those sent away together spread out";
}

/// When each of 1,000 agents is answered, if all lose the service at once and it is back after
/// `outage`; by second.
std::map<long, int> arrivals(milliseconds outage, std::optional<std::chrono::seconds> told = {}) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> chance(0, 1);
  std::map<long, int> out;
  for (int agent = 0; agent < 1000; ++agent) {
    Backoff backoff(5s, 5min);
    milliseconds now = 0ms;
    do now += backoff.next(chance(random), told);
    while (now < outage);
    ++out[now.count() / 1000];
  }
  return out;
}

TEST(BackoffTest, AThousandAgentsThatComeBackAtOnceDoNotStampede) {
  for (const milliseconds outage : {milliseconds(0), milliseconds(7s), milliseconds(60s),
                                    milliseconds(10min), milliseconds(24h)})
    for (const std::optional<std::chrono::seconds> told :
         {std::optional<std::chrono::seconds>{}, std::optional<std::chrono::seconds>{30s}}) {
      const std::map<long, int> by_second = arrivals(outage, told);
      // Nine in ten, since the last ones make any mean small.
      std::vector<long> when;
      for (const auto& [second, count] : by_second)
        when.insert(when.end(), std::size_t(count), second);
      const double mean = 900.0 / double(when[899] - when[0] + 1);
      int most = 0;
      for (const auto& [second, count] : by_second) most = std::max(most, count);
      EXPECT_LT(most, 4 * mean) << outage.count() << " ms, told " << told.has_value();
      EXPECT_LT(most, 300) << outage.count() << " ms, told " << told.has_value();
    }
}

}  // namespace
}  // namespace poolkey::agent
