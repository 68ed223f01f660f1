#include "provider/fork_mutex.h"

#include "provider/gate.h"

namespace poolkey::provider {
namespace {

using namespace std::chrono_literals;

/// Never destroyed: fork handlers and what OpenSSL frees at the end need it.
Gate& holders() {
  static auto& one = *new Gate;
  return one;
}

/// Of the thread that forks, if any.
constinit bool closed = false;

}  // namespace

void ForkMutex::lock() {
  holders().enter(Clock::time_point::max());
  mutex_.lock();
}

void ForkMutex::unlock() noexcept {
  mutex_.unlock();
  holders().leave();
}

void ForkMutex::before_fork() noexcept {
  closed = holders().close_upon_those_inside(Clock::now() + 200ms);
}

void ForkMutex::after_fork_in_parent() noexcept {
  if (closed) holders().open();
}

void ForkMutex::after_fork_in_child() noexcept { holders().reset_after_fork(); }

}  // namespace poolkey::provider
