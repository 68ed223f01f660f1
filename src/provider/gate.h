// Who is inside a module, and the moments when nobody may be.
// May touch: std. Called by: host, fork_mutex.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace poolkey::provider {

using Clock = std::chrono::steady_clock;

/// Many may be inside at once; one may close it, once all have left. Entering an open gate costs
/// two atomic operations. No order among those who wait.
class Gate {
 public:
  /// False if it stays closed until then.
  bool enter(Clock::time_point until);
  void leave() noexcept;
  /// From now on nobody enters. False if somebody was still inside, or it stayed closed by another;
  /// then it is as it was.
  bool close(Clock::time_point until);
  /// The same, but it is closed also where somebody stays inside. False only if another has it.
  bool close_upon_those_inside(Clock::time_point until);
  void open() noexcept;
  /// In the child of a fork: those who were inside or waiting do not exist here.
  void reset_after_fork() noexcept;

 private:
  std::atomic<int> inside_ = 0;
  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace poolkey::provider
