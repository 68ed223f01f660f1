#include "cli/progress.h"

#include <algorithm>

#include "rollover/dates.h"

namespace poolkey::cli {
namespace {

namespace ro = rollover;

json::object progress_json(const ro::Progress& now) {
  json::array waits, done;
  for (const ro::Wait& wait : now.verdict.waits) waits.emplace_back(wait.for_what);
  for (const std::string& one : now.done) done.emplace_back(one);
  json::object out{{"rollover", now.roll.id},
                   {"from", now.roll.from.str()},
                   {"to", now.roll.to.str()},
                   {"cause", std::string(ro::name(now.roll.cause))},
                   {"state", std::string(ro::name(now.verdict.state))},
                   {"members_done", static_cast<std::int64_t>(now.verdict.done)},
                   {"members", static_cast<std::int64_t>(now.verdict.of)},
                   {"done", std::move(done)},
                   {"waits", std::move(waits)},
                   {"fault", now.verdict.fault},
                   {"over", now.verdict.over}};
  if (now.roll.effective) out["effective"] = rfc3339(*now.roll.effective);
  if (now.verdict.until) out["until"] = rfc3339(*now.verdict.until);
  if (now.roll.deadline) out["deadline"] = rfc3339(*now.roll.deadline);
  return out;
}

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
  call.out.append("rollovers", progress_json(now));
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
    json::object one{{"key", e.key.str()},
                     {"since", rfc3339(e.since)},
                     {"reason", e.reason},
                     {"destruction_proven", e.destruction_proven}};
    if (e.member) one["member"] = e.member->str();
    if (e.deadline) one["deadline"] = rfc3339(*e.deadline);
    call.out.append("exposed", std::move(one));
  }
  return any;
}

}  // namespace poolkey::cli
