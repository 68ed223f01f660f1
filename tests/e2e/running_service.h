// `poolkey serve` of a deployment's origin, as a process of its own on a free port.
// Called by: tests/e2e.
#pragma once

#include <sys/types.h>

#include <string>

#include "e2e/deployment.h"

namespace poolkey::test {

class RunningService {
 public:
  /// Sets the service up for "localhost" where that was not done, and starts it with this access
  /// policy. Throws with its log if it does not answer within 20 s.
  RunningService(const Deployment& d, const std::string& access);
  RunningService(const RunningService&) = delete;
  RunningService& operator=(const RunningService&) = delete;
  /// Asks it to end, waits for 10 s, and kills it.
  ~RunningService();

  /// "https://localhost:40123"
  const std::string& url() const { return url_; }
  std::string log() const;

 private:
  const Deployment& d_;
  pid_t process_ = -1;
  std::string url_;
};

}  // namespace poolkey::test
