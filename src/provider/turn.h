// Something that one thread does for all, by calls into a module that may never come back.
// May touch: std. Called by: host, signing_token, replica.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include "provider/gate.h"

namespace poolkey::provider {

/// Who takes longer than this hangs, as a rule.
inline constexpr std::chrono::milliseconds kHang{1000};

/// One has the turn, the others wait and then see what came of it. Who hangs loses it: another may
/// do the same.
class Turn {
 public:
  explicit Turn(std::chrono::milliseconds hang = kHang) : hang_(hang) {}

  class Taken {
   public:
    explicit Taken(Turn& turn, Clock::time_point since) : turn_(&turn), since_(since) {}
    Taken(Taken&& other) noexcept
        : turn_(std::exchange(other.turn_, nullptr)), since_(other.since_) {}
    Taken& operator=(Taken&&) = delete;
    ~Taken() {
      if (turn_ != nullptr) turn_->end(since_);
    }

   private:
    Turn* turn_;
    Clock::time_point since_;
  };

  /// Nothing if it is not to be had until then.
  std::optional<Taken> take(Clock::time_point until);

 private:
  void end(Clock::time_point since) noexcept;

  const std::chrono::milliseconds hang_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::optional<Clock::time_point> since_;  ///< of who has it
};

}  // namespace poolkey::provider
