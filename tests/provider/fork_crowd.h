// Threads that sign while their process forks.
#pragma once

#include "foreign.h"

namespace poolkey::provider {

/// Four threads that sign until join(), with contexts that are there already: OpenSSL itself does
/// not survive a fork while another thread is within its tables, whoever's the key is.
class ForkCrowd {
 public:
  ForkCrowd(const test::Plugin& plugin, EVP_PKEY* key);
  ForkCrowd(const ForkCrowd&) = delete;
  ForkCrowd& operator=(const ForkCrowd&) = delete;
  ~ForkCrowd() { join(); }
  void join();

  std::atomic<int> signatures = 0, failures = 0;

 private:
  std::vector<crypto::EvpPkeyCtx> contexts_;
  std::vector<std::thread> threads_;
  std::atomic<bool> ends_ = false;
};

/// Forks so many children, 5 ms apart, each of which signs five times, within 20 s: how many of
/// them did not.
int children_that_fail(int count, const std::function<bool()>& signs);

}  // namespace poolkey::provider
