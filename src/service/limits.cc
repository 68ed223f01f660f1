#include "service/limits.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/bytes.h"

namespace poolkey::service {
namespace {

/// Of signatures that are counted at once.
constexpr std::uint32_t kLargestBlock = 256;

/// "2026-11-23"
std::string day_of(Time now) { return rfc3339(now).substr(0, 10); }

}  // namespace

std::string limit_key(const policy::Principal& principal, std::string_view address) {
  if (!principal.name.empty()) return principal.str();
  const auto colon = address.rfind(':');
  std::string host(address.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::array<unsigned char, 16> octets{};
  if (::inet_pton(AF_INET6, host.c_str(), octets.data()) == 1)
    host = hex({octets.data(), 8}) + "/64";
  return "address:" + host;
}

std::optional<std::chrono::seconds> Limits::take(const std::string& key,
                                                 const policy::AccessLimits& limits, Instant now,
                                                 std::uint32_t tokens) {
  const double burst = limits.burst;
  const double rate = limits.requests_per_second;
  const double wanted = std::min<double>(tokens, burst);
  const std::scoped_lock lock(mutex_);
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (buckets_.size() >= kMost) {
      by_key_.erase(buckets_.back().key);
      buckets_.pop_back();
    }
    buckets_.push_front({key, burst, now});
    found = by_key_.emplace(buckets_.front().key, buckets_.begin()).first;
  }
  const Buckets::iterator bucket = found->second;
  buckets_.splice(buckets_.begin(), buckets_, bucket);
  const std::chrono::duration<double> passed =
      std::max(now - bucket->at, Instant::duration::zero());
  bucket->at = std::max(now, bucket->at);
  bucket->tokens = std::min(burst, bucket->tokens + passed.count() * rate);
  if (bucket->tokens >= wanted) {
    bucket->tokens -= wanted;
    return std::nullopt;
  }
  const double wait = std::ceil((wanted - bucket->tokens) / rate);
  return std::chrono::seconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait)));
}

std::size_t Limits::size() const {
  const std::scoped_lock lock(mutex_);
  return buckets_.size();
}

std::optional<Duration> spend_signatures(store::Database& database,
                                         const policy::Principal& principal,
                                         const policy::AccessLimits& limits,
                                         std::uint32_t signatures, Time now) {
  const Duration rest = std::chrono::floor<Days>(now) + Days(1) - now;
  if (signatures > limits.signatures_per_day) return rest;
  const std::int64_t number = signatures;
  const std::int64_t still = std::int64_t{limits.signatures_per_day} - number;
  const std::int64_t changed = database.run(
      "INSERT INTO quota (principal, day, used) VALUES (:principal, :day, :number)"
      " ON CONFLICT (principal, day) DO UPDATE SET used = quota.used + :more"
      " WHERE quota.used <= :still",
      {{"principal", principal.str()},
       {"day", day_of(now)},
       {"number", number},
       {"more", number},
       {"still", still}});
  return changed == 0 ? std::optional(rest) : std::nullopt;
}

std::optional<Duration> Quotas::spend(store::Database& database, const policy::Principal& principal,
                                      const policy::AccessLimits& limits, std::uint32_t signatures,
                                      Time now) {
  const auto today = std::chrono::floor<Days>(now).time_since_epoch().count();
  const std::scoped_lock lock(mutex_);
  Block& block = blocks_.try_emplace(principal.str(), Block{today, 0}).first->second;
  if (block.day != today) block = {today, 0};
  if (block.left < signatures) {
    const std::uint32_t missing = signatures - block.left;
    const std::uint32_t more =
        std::max(missing, std::min(kLargestBlock, limits.signatures_per_day / 100));
    if (!spend_signatures(database, principal, limits, more, now)) {
      block.left += more;
    } else if (const auto wait = spend_signatures(database, principal, limits, missing, now)) {
      return wait;
    } else {
      block.left += missing;
    }
  }
  block.left -= signatures;
  return std::nullopt;
}

void Quotas::give_back(const policy::Principal& principal, std::uint32_t signatures, Time now) {
  const std::scoped_lock lock(mutex_);
  const auto block = blocks_.find(principal.str());
  if (block != blocks_.end() &&
      block->second.day == std::chrono::floor<Days>(now).time_since_epoch().count())
    block->second.left += signatures;
}

std::uint32_t signatures_spent(store::Database& database, const policy::Principal& principal,
                               Time now) {
  const auto row =
      database.row("SELECT used FROM quota WHERE principal = :principal AND day = :day",
                   {{"principal", principal.str()}, {"day", day_of(now)}});
  return row ? static_cast<std::uint32_t>(row->integer("used")) : 0;
}

void forget_quotas(store::Database& database, Time now) {
  database.run("DELETE FROM quota WHERE day < :day", {{"day", day_of(now)}});
}

}  // namespace poolkey::service
