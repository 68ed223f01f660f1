#include "provider/gate.h"

#include <new>

namespace poolkey::provider {

bool Gate::enter(Clock::time_point until) {
  for (;;) {
    // In this order: whoever closes first looks for us, or we see that it is closed.
    ++inside_;
    if (!closed_) return true;
    leave();
    std::unique_lock hold(mutex_);
    if (!changed_.wait_until(hold, until, [this] { return !closed_; })) return false;
  }
}

void Gate::leave() noexcept {
  if (--inside_ != 0 || !closed_) return;
  const std::lock_guard hold(mutex_);
  changed_.notify_all();
}

bool Gate::close(Clock::time_point until) {
  std::unique_lock hold(mutex_);
  if (!changed_.wait_until(hold, until, [this] { return !closed_; })) return false;
  closed_ = true;
  if (changed_.wait_until(hold, until, [this] { return inside_ == 0; })) return true;
  closed_ = false;
  changed_.notify_all();
  return false;
}

bool Gate::close_upon_those_inside(Clock::time_point until) {
  std::unique_lock hold(mutex_);
  if (!changed_.wait_until(hold, until, [this] { return !closed_; })) return false;
  closed_ = true;
  changed_.wait_until(hold, until, [this] { return inside_ == 0; });
  return true;
}

void Gate::open() noexcept {
  const std::lock_guard hold(mutex_);
  closed_ = false;
  changed_.notify_all();
}

void Gate::reset_after_fork() noexcept {
  inside_ = 0;
  closed_ = false;
  // A thread that does not exist here may have held the one and waited for the other.
  new (&mutex_) std::mutex;
  new (&changed_) std::condition_variable;
}

}  // namespace poolkey::provider
