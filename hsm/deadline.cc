#include "hsm/deadline.h"

#include <algorithm>

#include <fmt/format.h>

namespace poolkey::hsm {
namespace {

using std::chrono::milliseconds;

/// How often to look: late by a quarter of the limit at most, and by a second.
milliseconds pause_of(milliseconds limit) {
  return std::clamp(limit / 4, milliseconds(10), milliseconds(1000));
}

}  // namespace

Watchdog::Watchdog(Calls& calls, std::string module, Deadline deadline)
    : calls_(calls), module_(std::move(module)), deadline_(std::move(deadline)) {
  calls.watch();
  thread_ = std::thread([this] { watch(); });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard hold(mutex_);
    ending_ = true;
  }
  ends_.notify_one();
  thread_.join();
}

void Watchdog::watch() {
  std::unique_lock hold(mutex_);
  while (!ends_.wait_for(hold, pause_of(deadline_.limit), [this] { return ending_; })) {
    const auto function = calls_.overdue(deadline_.limit);
    if (!function) continue;
    deadline_.overdue(Error(
        Errc::kTimeout,
        fmt::format("the module '{}' has not answered {} within {} s; whether it was done is not "
                    "known. See that the HSM answers, then run the verb again: it looks for what "
                    "was done before it does anything",
                    module_, *function, std::chrono::duration<double>(deadline_.limit).count())));
    return;
  }
}

}  // namespace poolkey::hsm
