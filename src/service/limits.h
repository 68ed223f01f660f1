// How much a principal may ask: requests a second, by token buckets, and signatures a day, counted
// in the database. May touch: policy, store/sql.h. Called by: the dispatcher and what signs.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "policy/access.h"
#include "store/sql.h"

namespace poolkey::service {

/// Whose bucket a request is taken from: the principal's; of one who is nobody yet, that of its
/// address (of IPv6 the /64, which is what one customer has). `address` is "192.0.2.1:50000",
/// "[2001:db8::1]:50000" (with or without the brackets) or "unix".
std::string limit_key(const policy::Principal& principal, std::string_view address);

/// Token buckets (each holds `burst` and gains `requests_per_second`), one per key. Thread-safe. At
/// most kMost are kept: a bucket that nobody asked of for the longest time is forgotten first, and
/// is full when it is asked again.
class Limits {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  static constexpr std::size_t kMost = 16384;

  /// Takes `tokens` from the bucket. If it has too few nothing is taken, and the answer is how long
  /// to wait for them, rounded up; more than a burst are never there at once, so that counts as
  /// a burst. A change of the limits holds from the next call on.
  std::optional<std::chrono::seconds> take(const std::string& key,
                                           const policy::AccessLimits& limits, Instant now,
                                           std::uint32_t tokens = 1);
  std::size_t size() const;

 private:
  struct Bucket {
    std::string key;
    double tokens;
    Instant at;
  };
  using Buckets = std::list<Bucket>;  ///< asked of last, first

  mutable std::mutex mutex_;
  Buckets buckets_;
  std::unordered_map<std::string_view, Buckets::iterator> by_key_;  ///< names stand in the list
};

/// Signatures a day, without a commit for each: the database counts blocks of up to a hundredth of
/// the limit as spent, which are used up in memory. A restart loses what is left of a block, so
/// never more than the limit are made, and hardly ever fewer. Thread-safe.
class Quotas {
 public:
  /// As spend_signatures() below; not within a Transaction, which might be undone.
  std::optional<Duration> spend(store::Database& database, const policy::Principal& principal,
                                const policy::AccessLimits& limits, std::uint32_t signatures,
                                Time now);
  /// What was spent and not signed.
  void give_back(const policy::Principal& principal, std::uint32_t signatures, Time now);

 private:
  struct Block {
    Days::rep day;
    std::uint32_t left;
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Block> blocks_;  ///< by principal; as many as have certificates
};

/// Counts `signatures` for the principal on this UTC day, all or none. Where they are over the
/// limit nothing is counted and the answer is how long the day still lasts. One statement, safe
/// among processes.
std::optional<Duration> spend_signatures(store::Database& database,
                                         const policy::Principal& principal,
                                         const policy::AccessLimits& limits,
                                         std::uint32_t signatures, Time now);
/// Of this day.
std::uint32_t signatures_spent(store::Database& database, const policy::Principal& principal,
                               Time now);
/// Forgets the days before this one. Done now and then.
void forget_quotas(store::Database& database, Time now);

}  // namespace poolkey::service
