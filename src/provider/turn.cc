#include "provider/turn.h"

#include <algorithm>

namespace poolkey::provider {

std::optional<Turn::Taken> Turn::take(Clock::time_point until) {
  std::unique_lock hold(mutex_);
  while (since_ && Clock::now() - *since_ < hang_) {
    if (Clock::now() >= until) return std::nullopt;
    ended_.wait_until(hold, std::min(until, *since_ + hang_));
  }
  since_ = Clock::now();
  return Taken(*this, *since_);
}

void Turn::end(Clock::time_point since) noexcept {
  const std::lock_guard hold(mutex_);
  if (since_ == since) since_.reset();  // else another has it by now
  ended_.notify_all();
}

}  // namespace poolkey::provider
