// How long to wait before trying again, so that a thousand agents do not come back at once.
// May touch: std (pure: chance is handed in). Called by: agent.
#pragma once

#include <chrono>
#include <optional>

namespace poolkey::agent {

/// Exponential backoff with full jitter: the n-th wait is anywhere between nothing and
/// base * 2^n, at most `cap`.
class Backoff {
 public:
  Backoff(std::chrono::milliseconds base, std::chrono::milliseconds cap)
      : base_(base), cap_(cap), window_(base) {}

  /// The next wait. `chance` is from [0, 1). A server's Retry-After is waited for in any case, and
  /// what it sends away together comes back over at least as long a time again.
  std::chrono::milliseconds next(double chance,
                                 std::optional<std::chrono::seconds> retry_after = std::nullopt);
  void reset() { window_ = base_; }

 private:
  std::chrono::milliseconds base_, cap_, window_;
};

}  // namespace poolkey::agent
