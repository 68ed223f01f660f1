#include "service/shared.h"

#include <algorithm>

#include "base/bytes.h"
#include "crypto/digest.h"

namespace poolkey::service {
namespace {

/// How long an allowed reading of the same things is not recorded again.
constexpr std::chrono::hours kReadsAreOne{1};
constexpr std::size_t kMostReads = 65536;

}  // namespace

Shared::Shared(Settings settings, std::shared_ptr<const policy::Access> access)
    : settings_(std::move(settings)),
      access_(std::move(access)),
      idempotency_(hex(crypto::random_bytes(8))) {}

std::shared_ptr<const policy::Access> Shared::access() const {
  const std::scoped_lock lock(mutex_);
  return access_;
}

void Shared::use_access(std::shared_ptr<const policy::Access> access) {
  const std::scoped_lock lock(mutex_);
  access_ = std::move(access);
  reads_.clear();
}

bool Shared::is_new_read(const std::string& what) {
  const auto now = std::chrono::steady_clock::now();
  const std::scoped_lock lock(mutex_);
  if (reads_.size() >= kMostReads) reads_.clear();
  const auto [at, fresh] = reads_.try_emplace(what, now);
  if (!fresh && now - at->second < kReadsAreOne) return false;
  at->second = now;
  return true;
}

void Shared::wake_pool_work(const PoolName& pool) {
  const std::scoped_lock lock(mutex_);
  if (std::ranges::find(pool_work_, pool) == pool_work_.end()) pool_work_.push_back(pool);
}

std::vector<PoolName> Shared::take_pool_work() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(pool_work_, {});
}

}  // namespace poolkey::service
