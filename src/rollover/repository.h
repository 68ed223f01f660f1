// Rollovers, and versions that are exposed, in the database.
// May touch: store, keys/repository. Called by: rollover, cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "keys/repository.h"
#include "rollover/judge.h"

namespace poolkey::rollover {

/// What was decided, and when. Where it stands follows from what is known of the pool.
struct StoredRoll {
  std::string id;  ///< "edge.av@2"
  PoolName pool;
  KeyVersion from, to;
  Cause cause = Cause::kDue;
  State state = State::kPlanned;  ///< as it was judged last
  Time started{};
  std::string reason{};
  std::optional<Time> wanted{};  ///< effective date that somebody chose
  bool short_overlap = false;
  std::optional<Time> old_not_after{};  ///< of the certificate in service when it began
  std::optional<Time> published{}, installed{}, armed{}, effective{}, switched{}, retired{};
  bool erased = false;
  std::optional<Time> deadline{};  ///< of a compromise
  json::object refused{};          ///< of CAs' answers, by request: digest and sentence
  json::array history{};           ///< objects "state", "at", oldest first
  std::optional<Time> ended{};
};

void insert_roll(store::Database& database, const StoredRoll& roll);
void put_roll(store::Database& database, const StoredRoll& roll);
/// Throws kNotFound with the rollovers there are.
StoredRoll find_roll(store::Database& database, const std::string& id);
std::vector<StoredRoll> all_rolls(store::Database& database);
/// The one that goes on for this key; there is never more than one.
std::optional<StoredRoll> running_roll(store::Database& database, const KeyName& key);

/// A version that somebody knows, or may know, who should not.
struct Exposure {
  PoolName pool;
  std::optional<MemberName> member;  ///< nothing: anybody
  KeyVersion key;
  std::string reason;
  Time since{};
  std::optional<Time> deadline{};
  bool destruction_proven = false;  ///< the member has shown that its replica is gone
  std::optional<Time> ended{};      ///< the version was rotated
};
/// Once for the same member and version.
void expose(store::Database& database, const Exposure& exposure);
std::vector<Exposure> exposures(store::Database& database, bool with_ended = false);
bool is_exposed(store::Database& database, const KeyVersion& key);
void note_destruction(store::Database& database, const PoolName& pool, const MemberName& member,
                      const KeyVersion& key);
void end_exposures(store::Database& database, const KeyVersion& key, Time now);

/// Whether something waits for what members of this pool prove: a rollover that runs, or replicas
/// of evicted members.
bool waits_for_receipts(store::Database& database, const PoolName& pool);

}  // namespace poolkey::rollover
