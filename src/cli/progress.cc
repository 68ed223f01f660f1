#include "cli/progress.h"

#include <algorithm>

#include "app/view.h"
#include "rollover/dates.h"

namespace poolkey::cli {
namespace {

namespace ro = rollover;

std::string age(Duration duration) {
  const auto hours = std::max<std::int64_t>(duration.count(), 0) / 3600;
  if (hours >= 48) return std::to_string(hours / 24) + " d";
  if (hours >= 1) return std::to_string(hours) + " h";
  return std::to_string(std::max<std::int64_t>(duration.count(), 0) / 60) + " min";
}

}  // namespace

void say_progress(Call& call, const ro::Progress& now, bool dry_run) {
  for (const std::string& one : now.done)
    call.out.say("  " + std::string(dry_run ? "would " : "") + one);
  std::string line = now.roll.id + ": " + ro::words(now.verdict);
  if (now.roll.effective) line += ", effective " + rfc3339(*now.roll.effective);
  if (now.roll.deadline && !now.verdict.over)
    line += ", to be done by " + rfc3339(*now.roll.deadline);
  call.out.say(line);
  for (const ro::Wait& wait : now.verdict.waits) call.out.say("  waits for " + wait.for_what);
  if (!now.verdict.waits.empty() && now.verdict.until && !now.roll.effective)
    call.out.say("  and can until " + rfc3339(*now.verdict.until));
  if (!now.verdict.fault.empty()) call.out.say("  DECIDE: " + now.verdict.fault);
  call.out.append("rollovers", app::progress_view(now));
}

void say_history(Call& call, const ro::StoredRoll& roll) {
  std::vector<std::vector<std::string>> rows;
  for (const json::value& one : roll.history) {
    const json::object& step = one.as_object();
    rows.push_back(
        {std::string(step.at("at").as_string()), std::string(step.at("state").as_string())});
  }
  call.out.table({"SINCE", "STATE"}, rows);
}

bool say_exposures(Call& call, store::Database& database, Time now) {
  bool any = false;
  for (const ro::Exposure& e : ro::exposures(database)) {
    any = true;
    const auto roll = ro::running_roll(database, e.key.key);
    call.out.say("EXPOSED: " + e.key.str() + " for " + age(now - e.since) + " (" + e.reason + ")" +
                 (e.member
                      ? ", known to former member '" + e.member->str() + "', destruction there " +
                            (e.destruction_proven ? "proven" : "unproven")
                      : "") +
                 (roll ? "; rollover '" + roll->id + "' is " + std::string(ro::name(roll->state))
                       : "; no rollover goes on: run 'poolkey rollover advance'") +
                 (e.deadline ? *e.deadline > now ? ", " + age(*e.deadline - now) + " left"
                                                 : ", OVERDUE since " + rfc3339(*e.deadline)
                             : ""));
    call.out.append("exposed", app::exposure_view(e));
  }
  return any;
}

}  // namespace poolkey::cli
