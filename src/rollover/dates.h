// The dates of a rollover: when the new version may take over, and when the old one may go.
// May touch: base (pure). Called by: rollover.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace poolkey::rollover {

/// What a service signs with the key and how long it stays good ("AudioVideoAuthentication", 8 h).
struct TokenUse {
  std::string type;
  Duration lifetime{};
};

/// When a member had the new version, by the origin's clock.
struct Provisioned {
  MemberName member;
  Time at;
};

/// A roll that is to be judged.
struct RollDates {
  Time old_not_after;          ///< of the certificate that is replaced
  std::vector<TokenUse> uses;  ///< rolled together: the longest lifetime counts
  Time effective;
  std::vector<Provisioned> members{};
};

/// The longest of the lifetimes; zero where nothing is signed that outlives its signature.
Duration lead(const std::vector<TokenUse>& uses);

/// The last instant at which the new version may take over: whatever the old one signed until then
/// ends no later than its certificate (staging topic of the product; domain 2.3).
Time latest_effective(Time old_not_after, Duration lead);

/// From when the previous certificate may be removed: a second after it ended.
Time remove_previous_from(Time old_not_after);

enum class DateFault {
  kNone,
  kOverlapShorterThanTokenLifetime,
  kCombinedNeedsLonger,  ///< long enough for one of the types, not for all
  kMemberAfterEffectiveDate,
};
struct DateVerdict {
  DateFault fault = DateFault::kNone;
  std::string sentence{};  ///< what is wrong, and what would be right; empty if nothing is
};
DateVerdict check_dates(const RollDates& dates);

/// How long an act that is due is put off, so that pools of one age do not all begin at once: the
/// same for the same name, spread over [0, spread).
Duration jitter(std::string_view name, Duration spread);

/// "8 h", "90 min", "2 d"
std::string words(Duration duration);

}  // namespace poolkey::rollover
