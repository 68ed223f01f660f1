#include "base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace poolkey {
namespace {

TEST(ForEachIndexTest, ActsOnEachOnce) {
  for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
    std::vector<std::atomic<int>> acted(count);
    for_each_index(count, 4, [&](std::size_t i) { ++acted[i]; });
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(acted[i], 1) << i << " of " << count;
  }
}

TEST(ForEachIndexTest, UsesNoMoreThreadsThanAllowedNorThanThereAreThings) {
  for (const auto& [count, most] : {std::pair(64U, 1U), std::pair(64U, 2U), std::pair(2U, 64U)}) {
    std::atomic<unsigned> now = 0, peak = 0;
    for_each_index(count, most, [&](std::size_t) {
      const unsigned here = ++now;
      unsigned seen = peak;
      while (here > seen && !peak.compare_exchange_weak(seen, here)) {
      }
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      --now;
    });
    EXPECT_LE(peak, std::min(count, most));
  }
}

TEST(ForEachIndexTest, WithOneThreadTheCallersOwnDoesTheWork) {
  const auto caller = std::this_thread::get_id();
  for_each_index(8, 1, [&](std::size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST(ForEachIndexTest, ThrowsWhatWasThrownAndBeginsNoMore) {
  for (const unsigned most : {1U, 4U}) {
    std::atomic<int> acted = 0;
    const auto act = [&](std::size_t i) {
      if (i == 10) throw std::runtime_error("ten");
      ++acted;
      std::this_thread::sleep_for(std::chrono::microseconds(10));
    };
    try {
      for_each_index(100'000, most, act);
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(error.what(), std::string("ten"));
    }
    EXPECT_GE(acted, 10);
    EXPECT_LT(acted, 50'000) << "it went on";
  }
}

TEST(ForEachIndexTest, OfSeveralExceptionsThrowsOne) {
  const auto act = [](std::size_t) { throw std::runtime_error("each"); };
  EXPECT_THROW(for_each_index(100, 4, act), std::runtime_error);
}

}  // namespace
}  // namespace poolkey
