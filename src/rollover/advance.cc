#include "rollover/advance.h"

#include "requests/answer.h"
#include "rollover/acts.h"
#include "rollover/facts.h"

namespace poolkey::rollover {
namespace {

/// More acts in one run would be a defect.
constexpr int kMostActs = 100;

void note_state(keys::Context& context, StoredRoll& roll, const Verdict& verdict) {
  const bool over = verdict.over && !roll.ended;
  if (roll.state == verdict.state && !over && !roll.history.empty()) return;
  roll.state = verdict.state;
  const Time now = context.clock.now();
  roll.history.emplace_back(
      json::object{{"state", std::string(name(verdict.state))}, {"at", rfc3339(now)}});
  if (over) roll.ended = now;
  put_roll(context.database, roll);
}

/// Members answer in their own time: who was asked is not asked again in the same run.
bool waits_for_members(Act act) { return act == Act::kAsk || act == Act::kRedeliver; }

}  // namespace

Progress look(keys::Context& context, const StoredRoll& roll) {
  Progress out{roll, facts_of(context, roll), {}};
  out.verdict = judge(out.facts);
  if (out.verdict.act) out.done.push_back(sentence_of(out.verdict, out.facts));
  return out;
}

Progress advance(keys::Context& context, const pool::Mailbox& mailbox, const std::string& id) {
  StoredRoll roll = find_roll(context.database, id);
  finish_interrupted(context, mailbox, roll);
  std::vector<std::string> done;
  for (int i = 0; i < kMostActs; ++i) {
    Progress now = look(context, roll);
    note_state(context, roll, now.verdict);
    now.roll = roll;
    if (!now.verdict.act) {
      requests::note_installed(context, roll.pool);
      now.done = std::move(done);
      return now;
    }
    done.push_back(now.done.front());
    perform(context, mailbox, roll, now.verdict);
    // What they said last is why they were asked again.
    if (waits_for_members(*now.verdict.act)) {
      now.done = std::move(done);
      return now;
    }
  }
  throw Error(Errc::kInternal, "the rollover '" + id + "' does not come to rest");
}

void abort(keys::Context& context, const pool::Mailbox& mailbox, const std::string& id,
           const std::string& reason) {
  StoredRoll roll = find_roll(context.database, id);
  finish_interrupted(context, mailbox, roll);
  if (roll.ended)
    throw Error(Errc::kConflict,
                "the rollover '" + id + "' is over (" + std::string(name(roll.state)) + ")");
  if (roll.effective && context.clock.now() >= *roll.effective)
    throw Error(Errc::kConflict, "it is too late to abort '" + id + "': " + roll.to.str() +
                                     " took over at " + rfc3339(*roll.effective) +
                                     "; start a rollover from it instead");
  if (roll.effective) disarm(context, mailbox, roll);
  keys::record(context, "rollover abort", id, "", nullptr, [&]() -> json::object {
    roll.state = State::kAborted;
    roll.ended = context.clock.now();
    roll.history.emplace_back(
        json::object{{"state", "aborted"}, {"at", rfc3339(*roll.ended)}, {"reason", reason}});
    put_roll(context.database, roll);
    return {{"reason", reason}};
  });
}

}  // namespace poolkey::rollover
