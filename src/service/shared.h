// What all workers of a running service share. May touch: app, policy. Called by: handlers, the
// dispatcher; made by Service.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "app/app.h"
#include "policy/access.h"
#include "service/idempotency.h"
#include "service/limits.h"
#include "service/metrics.h"

namespace poolkey::service {

/// What the service was started with.
struct Settings {
  std::filesystem::path home;
  std::filesystem::path access;  ///< the access policy's file
  unsigned workers = 0;          ///< 0: twice the number of cores, at least 8
};

class Shared {
 public:
  Shared(Settings settings, std::shared_ptr<const policy::Access> access);

  const Settings& settings() const { return settings_; }
  /// As it was read last; stays as it is while somebody holds it.
  std::shared_ptr<const policy::Access> access() const;
  void use_access(std::shared_ptr<const policy::Access> access);

  Metrics& metrics() { return metrics_; }
  Limits& limits() { return limits_; }
  Quotas& quotas() { return quotas_; }
  Idempotency& idempotency() { return idempotency_; }

  /// The verbs of the command line, for the unix socket: handed in by whoever has them.
  using RunCommand = std::function<json::object(app::App& side, const std::string& path,
                                                const json::object& call)>;
  RunCommand run_command{};

  /// What waits at this moment, for the metrics: set by whoever has queue and server.
  struct Levels {
    std::size_t queued = 0;  ///< calls that no worker has yet
    std::size_t parked = 0;  ///< long polls
    std::size_t connections = 0;
    std::uint64_t handshakes = 0, failed_handshakes = 0;
  };
  std::function<Levels()> levels{};

  /// The token that all Apps of this process work on; set before there are workers.
  const app::OpenToken& token() const { return token_; }
  void use_token(app::OpenToken token) { token_ = std::move(token); }

  /// An operation failed as on a lost HSM: the token is to be looked at.
  void report_token_trouble() { token_trouble_ = true; }
  bool take_token_trouble() { return token_trouble_.exchange(false); }

  /// True if the same (who, what, where: any words) was not asked about for an hour. Members poll,
  /// and metrics are read every few seconds: one entry an hour says as much as thousands.
  bool is_new_read(const std::string& what);

  /// Pool work to be done soon: receipts came, or a challenge was asked for.
  void wake_pool_work(const PoolName& pool);
  std::vector<PoolName> take_pool_work();

  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

 private:
  Settings settings_;
  mutable std::mutex mutex_;
  std::shared_ptr<const policy::Access> access_;
  app::OpenToken token_;
  std::atomic<bool> token_trouble_ = false;
  std::vector<PoolName> pool_work_;
  std::unordered_map<std::string, std::chrono::steady_clock::time_point> reads_;
  Metrics metrics_;
  Limits limits_;
  Quotas quotas_;
  Idempotency idempotency_;
};

}  // namespace poolkey::service
