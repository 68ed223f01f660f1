// A lock that the child of a fork never finds taken.
// May touch: std. Called by: whatever several threads share outside of visits; host, at a fork.
#pragma once

#include <mutex>

namespace poolkey::provider {

/// A std::mutex for moments: a fork waits until nobody holds one. Else the child could inherit one
/// that is held by a thread it does not have, with things half done behind it. Nobody who holds one
/// may visit the module, fork, or wait for somebody who does.
class ForkMutex {
 public:
  void lock();
  void unlock() noexcept;

  /// From here to after_fork_...() nobody holds one, unless somebody kept one for too long.
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

 private:
  std::mutex mutex_;
};

}  // namespace poolkey::provider
