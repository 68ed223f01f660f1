#include "agent/backoff.h"

#include <algorithm>

namespace poolkey::agent {

std::chrono::milliseconds Backoff::next(double chance,
                                        std::optional<std::chrono::seconds> retry_after) {
  using std::chrono::milliseconds;
  const milliseconds told = retry_after.value_or(std::chrono::seconds(0));
  const milliseconds window = std::max(window_, told);
  window_ = std::min(cap_, window_ * 2);
  return told + milliseconds(static_cast<milliseconds::rep>(chance * double(window.count())));
}

}  // namespace poolkey::agent
