#include "rollover/dates.h"

#include <algorithm>
#include <cstdint>

namespace poolkey::rollover {

Duration lead(const std::vector<TokenUse>& uses) {
  Duration out{};
  for (const TokenUse& use : uses) out = std::max(out, use.lifetime);
  return out;
}

Time latest_effective(Time old_not_after, Duration lead) { return old_not_after - lead; }

Time remove_previous_from(Time old_not_after) { return old_not_after + Duration(1); }

std::string words(Duration duration) {
  const auto n = duration.count();
  if (n % 86400 == 0 && n >= 2 * 86400) return std::to_string(n / 86400) + " d";
  if (n % 3600 == 0) return std::to_string(n / 3600) + " h";
  if (n % 60 == 0) return std::to_string(n / 60) + " min";
  return std::to_string(n) + " s";
}

DateVerdict check_dates(const RollDates& dates) {
  const Duration longest = lead(dates.uses);
  const Time latest = latest_effective(dates.old_not_after, longest);
  if (dates.effective > latest) {
    const bool long_enough_for_one = std::ranges::any_of(dates.uses, [&](const TokenUse& use) {
      return dates.effective <= latest_effective(dates.old_not_after, use.lifetime);
    });
    const std::string then = "the effective date " + rfc3339(dates.effective) + " is later than " +
                             rfc3339(latest) + ": the old certificate ends at " +
                             rfc3339(dates.old_not_after) + ", and ";
    if (long_enough_for_one)
      return {DateFault::kCombinedNeedsLonger,
              then + "types that are rolled together need the longest token lifetime of them, " +
                  words(longest)};
    return {DateFault::kOverlapShorterThanTokenLifetime,
            then + "tokens live for " + words(longest)};
  }
  for (const Provisioned& member : dates.members)
    if (member.at > dates.effective)
      return {DateFault::kMemberAfterEffectiveDate,
              "member '" + member.member.str() + "' had the new version only at " +
                  rfc3339(member.at) + ", after the effective date " + rfc3339(dates.effective) +
                  ": until then it refused tokens of the others"};
  return {};
}

Duration jitter(std::string_view name, Duration spread) {
  if (spread <= Duration::zero()) return Duration::zero();
  // FNV-1a: spread well enough, and the same on every machine.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return Duration(static_cast<std::int64_t>(hash % static_cast<std::uint64_t>(spread.count())));
}

}  // namespace poolkey::rollover
