// Which version of a pool key is in force, and from when.
// May touch: store. Called by: pool (statements), rollover.
#pragma once

#include <optional>
#include <vector>

#include "base/clock.h"
#include "keys/repository.h"

namespace poolkey::keys {

/// A version comes into force at this time, in place of what was.
struct InForce {
  KeyVersion key;
  Time since;
};

/// All that was set, oldest first; a time may lie ahead.
std::vector<InForce> force_of(store::Database& database, const KeyName& name);
void set_in_force(store::Database& database, const KeyVersion& key, Time since);
/// Takes it back.
void clear_in_force(store::Database& database, const KeyVersion& key);

/// Nobody is to hold the version any more.
bool is_over(const StoredKey& key);
/// All versions of one key of a pool, oldest first.
std::vector<StoredKey> versions_of(store::Database& database, const PoolName& pool,
                                   const KeyName& name);

/// Of these versions of one key, oldest first, the one in force: the latest whose time has come,
/// else the oldest that was released. Nothing where none was.
std::optional<KeyVersion> in_force(store::Database& database,
                                   const std::vector<StoredKey>& versions, Time now);

}  // namespace poolkey::keys
