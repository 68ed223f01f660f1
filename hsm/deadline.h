// The end of waiting for a module that does not answer.
// May touch: base. Called by: module, where its owner gave it a deadline.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/error.h"
#include "hsm/calls.h"

namespace poolkey::hsm {

/// How long a call may take, and who is told when one takes longer.
struct Deadline {
  std::chrono::milliseconds limit;
  /// Gets a kTimeout with the sentence, on a thread of its own, once. The call still hangs and
  /// nothing can take it back: what is left to do is to end the process, by _exit().
  std::function<void(const Error&)> overdue;
};

/// Watches the calls into one module for as long as it lives.
class Watchdog {
 public:
  Watchdog(Calls& calls, std::string module, Deadline deadline);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

 private:
  void watch();

  const Calls& calls_;
  const std::string module_;
  const Deadline deadline_;
  std::mutex mutex_;
  std::condition_variable ends_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace poolkey::hsm
