// What threads share outside of visits, when one of them forks.
#include "provider/fork_mutex.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "base/process.h"

namespace poolkey::provider {
namespace {

TEST(ForkMutexTest, AChildNeverFindsOneTaken) {
  ASSERT_EQ(::pthread_atfork(ForkMutex::before_fork, ForkMutex::after_fork_in_parent,
                             ForkMutex::after_fork_in_child),
            0);
  ForkMutex mutex;
  std::atomic<bool> held = false, ends = false;
  // It lives on: a thread that ended and was not joined yet is a leak to TSan's view of the child.
  std::thread holder([&] {
    {
      const std::lock_guard hold(mutex);
      held = true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    while (!ends) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  while (!held) std::this_thread::yield();
  EXPECT_EQ(test::run_child([&] {
              ::alarm(10);
              const std::lock_guard hold(mutex);
            }),
            0);
  const std::lock_guard hold(mutex);  // the parent may have it again, too
  ends = true;
  holder.join();
}

}  // namespace
}  // namespace poolkey::provider
