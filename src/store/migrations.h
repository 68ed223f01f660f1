// The schema, as numbered steps that only go forward, each applied in a transaction of its own.
// May touch: store/sql.h. Called by: Database::open.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "store/sql.h"

namespace poolkey::store {

/// A released migration is never edited; a change of the schema is a new one.
struct Migration {
  std::int64_t number;
  std::string_view name;
  std::span<const std::string_view> statements;
};

/// In order, numbered from 1 without gaps.
std::span<const Migration> migrations();

/// Applies what is missing. Throws kUnsupported where the file is newer than this program.
void migrate(Database& database);

}  // namespace poolkey::store
