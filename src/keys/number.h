// Numbers that are handed out once: of releases, statements, challenges, key versions and CRLs.
// May touch: store. Called by: keys and pool (who count), and what brings an origin back.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"
#include "store/sql.h"

namespace poolkey::keys {

enum class Counter { kRelease, kStatement, kChallenge, kVersion, kCrl };

/// The number that follows `newest` (0: none yet), or the floor where that is higher.
std::int64_t next_number(store::Database& database, Counter counter, std::int64_t newest);

/// Raises the floor of every counter far above what this database has handed out, and gives the
/// floors by name. For a database that may be older than what was last handed out by its origin:
/// members refuse a number that they have seen, or a lower one. Floors come from the clock, so that
/// two restores of one backup get two floors; where the clock is behind the record, a wide step
/// above the record is taken instead. Called with a store::Transaction open.
json::object raise_floors(store::Database& database, Time now);

}  // namespace poolkey::keys
