#include "rollover/schedule.h"

#include "rollover/dates.h"

namespace poolkey::rollover {
namespace {

/// Of a certificate's validity, that the beginning of its roll is spread over.
constexpr int kSpread = 20;

Time ask_by(Time not_after, const Lead& lead) {
  return latest_effective(not_after, lead.token_lifetime) - lead.roll_out - lead.turnaround;
}

}  // namespace

Time start_of(std::string_view name, Time not_after, Duration validity, const Lead& lead,
              bool ceremony) {
  return ask_by(not_after, lead) - (ceremony ? lead.ceremony : Duration::zero()) -
         jitter(name, validity / kSpread);
}

std::vector<Coming> look_ahead(std::string_view name, Time not_after, Duration validity,
                               const Lead& lead, Stock stock, Time until) {
  std::vector<Coming> out;
  while (true) {
    const bool ceremony = !stock.same_key && stock.released_ahead == 0;
    const Time start = start_of(name, not_after, validity, lead, ceremony);
    if (start >= until) return out;
    out.push_back({start, ask_by(not_after, lead),
                   latest_effective(not_after, stock.same_key ? Duration{} : lead.token_lifetime),
                   not_after, ceremony});
    if (ceremony)
      stock.released_ahead = stock.ahead;
    else if (!stock.same_key)
      --stock.released_ahead;
    const Time next =
        start + (ceremony ? lead.ceremony : Duration::zero()) + lead.turnaround + validity;
    // A roll begins after the one before is over; otherwise the lead eats the validity.
    if (start_of(name, next, validity, lead, ceremony) <= not_after) return out;
    not_after = next;
  }
}

}  // namespace poolkey::rollover
