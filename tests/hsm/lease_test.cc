#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "hsm/token.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/soft_token.h"

namespace poolkey::hsm {
namespace {

using test::SoftToken;

/// What a token without a limit of its own is asked for at most.
constexpr std::size_t kMostLent = 64;

bool is_open(const Module& module, CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info{};
  return module.fn().C_GetSessionInfo(session, &info) == CKR_OK;
}

TEST(LeaseTest, ReturnedSessionIsLentAgain) {
  const SoftToken soft;
  const auto token = soft.open();
  const CK_SESSION_HANDLE first = token->lease()->handle();
  EXPECT_EQ(token->lease()->handle(), first);
}

TEST(LeaseTest, TwoLeasesHaveTwoSessions) {
  const SoftToken soft;
  const auto token = soft.open();
  const Lease one = token->lease(), other = token->lease();
  EXPECT_NE(one->handle(), other->handle());
  EXPECT_NE(one->handle(), token->keeper().handle());
}

TEST(LeaseTest, SpoiledSessionIsClosedAndNotLentAgain) {
  const SoftToken soft;
  const auto token = soft.open();
  CK_SESSION_HANDLE spoiled = CK_INVALID_HANDLE;
  {
    Lease lease = token->lease();
    spoiled = lease->handle();
    lease.spoil();
  }
  EXPECT_FALSE(is_open(*soft.module(), spoiled));
}

TEST(LeaseTest, MovedLeaseIsGivenBackOnce) {
  const SoftToken soft;
  const auto token = soft.open();
  Lease first = token->lease();
  const CK_SESSION_HANDLE handle = first->handle();
  { const Lease second = std::move(first); }
  EXPECT_EQ(token->lease()->handle(), handle);
}

TEST(LeaseTest, SessionsEndWithTheToken) {
  const SoftToken soft;
  auto token = soft.open();
  const CK_SESSION_HANDLE lent = token->lease()->handle();
  token.reset();
  EXPECT_FALSE(is_open(*soft.module(), lent));
}

TEST(LeaseTest, OneMoreThanTheLimitWaitsForOneToComeBack) {
  const SoftToken soft;
  const auto token = soft.open();
  std::vector<Lease> all;
  for (std::size_t i = 0; i < kMostLent; ++i) all.push_back(token->lease());
  std::atomic<bool> came_back = false, waited = false;
  std::thread late([&] {
    const Lease lease = token->lease();
    waited = came_back.load();
  });
  came_back = true;
  all.pop_back();
  late.join();
  EXPECT_TRUE(waited);
}

TEST(LeaseTest, ThreadsOpenNoMoreSessionsThanThereAreThreads) {
  constexpr std::size_t kThreads = 8;
  const SoftToken soft;
  const auto token = soft.open();
  std::mutex mutex;
  std::set<CK_SESSION_HANDLE> seen;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        const Lease lease = token->lease();
        const bool open = is_open(*soft.module(), lease->handle());
        const std::lock_guard hold(mutex);
        EXPECT_TRUE(open);
        seen.insert(lease->handle());
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(seen.size(), kThreads);
}

}  // namespace
}  // namespace poolkey::hsm
