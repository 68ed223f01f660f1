// An entry as a line of JSON, and back. The one place that knows the members and their order.
// May touch: base, crypto's sha256. Called by: chain and verify, nobody else.
#pragma once

#include <string>
#include <string_view>

#include "audit/event.h"

namespace poolkey::audit {

/// The line that is hashed. Text that is not UTF-8 is repaired, so that every line written can be
/// read again. Throws kInternal for a detail with a number that is not a 64-bit integer.
std::string write_entry(const Entry& entry, std::string_view prev);

struct ReadEntry {
  Entry entry;
  std::string prev;
};
/// Throws kCorrupt where the line has not exactly the members of an entry, rightly typed.
ReadEntry read_entry(std::string_view line);

/// Hex SHA-256 of the line's octets.
std::string hash_of(std::string_view line);

}  // namespace poolkey::audit
