#include "requests/validity.h"

#include <algorithm>
#include <array>

namespace poolkey::requests {
namespace {

using std::chrono::March, std::chrono::sys_days, std::chrono::year;

struct Row {
  Time from;
  int max_days;
};
constexpr std::array kRows{Row{sys_days(year(2029) / March / 15), 47},
                           Row{sys_days(year(2027) / March / 15), 100},
                           Row{sys_days(year(2026) / March / 15), 200}, Row{Time::min(), 398}};

}  // namespace

ValidityLimit validity_limit(Time not_before) {
  const auto* row = std::ranges::find_if(kRows, [&](const Row& r) { return not_before >= r.from; });
  return {row->max_days, row->max_days - 1};
}

long validity_days(Time not_before, Time not_after) {
  const auto seconds = (not_after - not_before).count() + 1;
  return (seconds + 86399) / 86400;
}

}  // namespace poolkey::requests
