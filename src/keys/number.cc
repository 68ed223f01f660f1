#include "keys/number.h"

#include <algorithm>

#include "base/error.h"
#include "keys/repository.h"

namespace poolkey::keys {
namespace {

struct Row {
  Counter counter;
  std::string_view name;
  std::string_view newest;             ///< what was handed out last
  std::int64_t (*by_the_clock)(Time);  ///< grows faster than anybody counts
  std::int64_t step;                   ///< above the record, where the clock is behind it
};

std::int64_t seconds(Time now) { return now.time_since_epoch().count(); }

/// 2026112314, of day and hour: people read and write versions, and 32 bits hold it.
std::int64_t hour(Time now) {
  const Time midnight = std::chrono::floor<Days>(now);
  const std::chrono::year_month_day day(std::chrono::floor<Days>(now));
  std::int64_t out = static_cast<int>(day.year());
  out = out * 100 + static_cast<unsigned>(day.month());
  out = out * 100 + static_cast<unsigned>(day.day());
  return out * 100 + std::chrono::floor<std::chrono::hours>(now - midnight).count();
}

constexpr std::int64_t kWide = 1'000'000;
constexpr std::int64_t kWideVersion = 1'000;

constexpr std::array kRows{
    Row{Counter::kRelease, "release", "SELECT MAX(number) AS newest FROM release", seconds, kWide},
    Row{Counter::kStatement, "statement", "SELECT MAX(sequence) AS newest FROM statement", seconds,
        kWide},
    Row{Counter::kChallenge, "challenge", "SELECT MAX(number) AS newest FROM challenge", seconds,
        kWide},
    Row{Counter::kVersion, "version", "SELECT MAX(version) AS newest FROM key_version", hour,
        kWideVersion},
    Row{Counter::kCrl, "crl", "SELECT MAX(number) AS newest FROM ca_crl", seconds, kWide},
};

std::string floor_setting(const Row& row) { return std::string(row.name) + ".floor"; }

std::int64_t floor_of(store::Database& database, const Row& row) {
  const auto stored = setting(database, floor_setting(row));
  return stored ? std::stoll(*stored) : 0;
}

}  // namespace

std::int64_t next_number(store::Database& database, Counter counter, std::int64_t newest) {
  const Row& row =
      *std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.counter == counter; });
  return std::max(newest + 1, floor_of(database, row));
}

json::object raise_floors(store::Database& database, Time now) {
  json::object out;
  for (const Row& row : kRows) {
    const auto found = database.row(row.newest);
    const std::int64_t newest =
        std::max(found->is_null("newest") ? 0 : found->integer("newest"), floor_of(database, row));
    const std::int64_t clock = row.by_the_clock(now);
    const std::int64_t floor = clock > newest ? clock : newest + row.step;
    set_setting(database, floor_setting(row), std::to_string(floor));
    out[std::string(row.name)] = floor;
  }
  return out;
}

}  // namespace poolkey::keys
