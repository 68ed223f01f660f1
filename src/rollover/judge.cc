#include "rollover/judge.h"

#include <algorithm>
#include <array>
#include <functional>

#include "rollover/dates.h"

namespace poolkey::rollover {
namespace {

using Stage = std::optional<Verdict> (*)(const Facts&);
using Members = std::vector<MemberFacts>;

std::string quoted(const MemberName& name) { return "'" + name.str() + "'"; }

/// Empty, or why the member's clock is known to be wrong, however long its answer was on its way.
std::string clock_fault(const MemberFacts& m, Duration limit) {
  if (!m.clock) return "";
  if (m.clock->least > limit)
    return quoted(m.name) + " to set its clock, which is at least " + words(m.clock->least) +
           " ahead";
  if (m.clock->most < -limit)
    return quoted(m.name) + " to set its clock, which is at least " + words(-m.clock->most) +
           " behind";
  return "";
}

/// What is asked of every member at one stage.
struct Question {
  std::optional<Time> since;  ///< an answer counts if it was asked for then or later
  /// What it waits for, empty if the member is as it should be.
  std::function<std::string(const MemberFacts&)> lacks;
  bool about_new = true;
};

/// Counts who is as it should be, and says who is to be asked, told again, or waited for.
struct Count {
  std::size_t done = 0;
  std::vector<MemberName> ask{}, redeliver{};
  std::vector<Wait> waits{};

  void take(const Members& members, const Question& question) {
    for (const MemberFacts& m : members) take(m, question);
  }
  void take(const MemberFacts& m, const Question& question) {
    if (!m.enrolled) {
      waits.push_back({"the enrolment of " + quoted(m.name), m.name});
      return;
    }
    if (!m.asked || (question.about_new && !m.told) ||
        (question.since && *m.asked < *question.since)) {
      ask.push_back(m.name);
      waits.push_back({"an answer of " + quoted(m.name), m.name});
      return;
    }
    if (!m.answered) {
      waits.push_back(
          {"an answer of " + quoted(m.name) + " to the challenge of " + rfc3339(*m.asked), m.name});
      return;
    }
    if (question.about_new && !m.holds_new) {
      redeliver.push_back(m.name);
      waits.push_back({quoted(m.name) + " to receive its key", m.name});
      return;
    }
    const std::string lacking = question.lacks(m);
    if (lacking.empty()) {
      ++done;
      return;
    }
    ask.push_back(m.name);
    waits.push_back({lacking, m.name});
  }
};

Verdict verdict(State state, Count count, std::size_t of) {
  Verdict out{.state = state, .done = count.done, .of = of, .waits = std::move(count.waits)};
  if (!count.redeliver.empty()) {
    out.act = Act::kRedeliver;
    out.whom = std::move(count.redeliver);
  } else if (!count.ask.empty()) {
    out.act = Act::kAsk;
    out.whom = std::move(count.ask);
  }
  return out;
}

std::optional<Time> latest(const Facts& f) {
  if (!f.old_not_after || f.cause == Cause::kCompromised) return std::nullopt;
  return latest_effective(*f.old_not_after, f.token_lifetime);
}

bool keeps_key(const Facts& f) { return f.from == f.to; }

std::optional<Verdict> generate(const Facts& f) {
  if (f.generated) return std::nullopt;
  return Verdict{.state = State::kPlanned, .act = Act::kGenerate};
}

std::optional<Verdict> ceremony(const Facts& f) {
  if (f.released) return std::nullopt;
  if (f.needs_backup)
    return Verdict{.state = State::kGenerated,
                   .waits = {{"a backup of the origin ('poolkey origin backup')"}}};
  for (const MemberFacts& m : f.members)
    if (!m.enrolled)
      return Verdict{.state = State::kGenerated,
                     .waits = {{"the enrolment of " + quoted(m.name), m.name}}};
  if (f.ahead.size() < f.wanted_ahead)
    return Verdict{.state = State::kGenerated, .act = Act::kGenerate};
  std::string versions = f.to.str();
  for (const KeyVersion& key : f.ahead) versions += " " + key.str();
  return Verdict{.state = State::kAwaitingCeremony,
                 .waits = {{"the ceremony: 'poolkey key release " + versions + " --pool " +
                            f.pool.str() + "'"}}};
}

std::optional<Verdict> hold(const Facts& f) {
  // Once they all had it they are asked again with the certificate.
  if (f.published || std::ranges::any_of(f.requests, &RequestFacts::submitted)) return std::nullopt;
  Count count;
  count.take(f.members, {{}, [](const MemberFacts&) { return ""; }});
  if (count.done == f.members.size()) return std::nullopt;
  return verdict(State::kReleased, std::move(count), f.members.size());
}

std::optional<Verdict> request(const Facts& f) {
  const std::size_t n = f.members.size();
  if (!std::ranges::all_of(f.requests, &RequestFacts::submitted))
    return Verdict{.state = State::kReleased, .done = n, .of = n, .act = Act::kRequest};
  Verdict out{.state = State::kRequested};
  for (const RequestFacts& r : f.requests) {
    if (r.accepted) continue;
    if (r.answered) out.act = Act::kAccept;
    out.waits.push_back({"the CA's answer to '" + r.id + "'" + r.hint});
    if (!r.refused.empty())
      out.fault = "what came back for '" + r.id + "' was not accepted: " + r.refused;
  }
  if (out.waits.empty()) return std::nullopt;
  return out;
}

std::optional<Verdict> install(const Facts& f) {
  if (f.installed) return std::nullopt;
  if (!f.published && !f.requests.empty())
    return Verdict{.state = State::kIssued, .act = Act::kPublish};
  Count count;
  count.take(f.members, {f.published, [&](const MemberFacts& m) {
                           return f.requests.empty() || m.certificate
                                      ? ""
                                      : quoted(m.name) + " to install the certificate";
                         }});
  const bool all = count.done == f.members.size();
  Verdict out = verdict(State::kInstalled, std::move(count), f.members.size());
  if (all) out.act = Act::kNoteInstalled;
  return out;
}

/// What makes a member fall out of the barrier.
std::string not_ready(const Facts& f, const MemberFacts& m) {
  if (!f.requests.empty() && !m.certificate) return quoted(m.name) + " to install the certificate";
  return clock_fault(m, f.clock_limit);
}

/// When the new version would take over if it were armed now.
Time target(const Facts& f) {
  const Time soonest = f.now + f.notice;
  if (f.wanted) return std::max(*f.wanted, soonest);
  const auto last = latest(f);
  return is_urgent(f.cause) || f.short_overlap || !last ? soonest : *last;
}

std::string too_late(const Facts& f, Time at) {
  return "it is too late for a roll that breaks nothing: " + f.to.str() + " could take over by " +
         rfc3339(at) + " at the latest, and it takes " + words(f.notice) +
         " from arming. 'poolkey rollover advance --short-overlap' lets it take over at once, and "
         "what " +
         f.from.str() + " signed last ends with its certificate; or abort";
}

std::optional<Verdict> prove(const Facts& f) {
  if (f.effective) return std::nullopt;
  Count count;
  count.take(f.members, {f.installed, [&](const MemberFacts& m) { return not_ready(f, m); }});
  const bool all = count.done == f.members.size();
  Verdict out = verdict(State::kProven, std::move(count), f.members.size());
  out.until = latest(f);
  if (out.until && f.now + f.notice > *out.until && !f.short_overlap && !keeps_key(f))
    out.fault = too_late(f, *out.until);
  if (!all) return out;
  if (keeps_key(f)) {
    out.state = State::kEffective;
    out.over = true;
    out.fault.clear();
    return out;
  }
  if (!out.fault.empty()) return out;
  const Time at = target(f);
  if (out.until && at > *out.until && !f.short_overlap) {
    out.fault = check_dates({*f.old_not_after, {{"", f.token_lifetime}}, at}).sentence;
    return out;
  }
  out.act = Act::kArm;
  out.at = at;
  return out;
}

/// Before the date, as long as a disarmed member would still hear of it.
Duration last_call(const Facts& f) { return std::min(f.notice / 2, (*f.effective - *f.armed) / 4); }

/// Shortly before the date everybody is asked once more. Who is silent then and knew the date will
/// change over by itself; who lost its key meanwhile is given it again, in time or a little late:
/// the others cannot be told of another date any sooner. For anything else the date is taken back.
std::optional<Verdict> arm(const Facts& f) {
  if (f.now >= *f.effective) return std::nullopt;
  const Time check = *f.effective - 4 * last_call(f);
  const Question question{f.now >= check ? std::max(check, *f.armed) : *f.armed,
                          [&](const MemberFacts& m) -> std::string {
                            const std::string lacking = not_ready(f, m);
                            if (!lacking.empty() || m.confirmed) return lacking;
                            return quoted(m.name) + " to hear of the effective date";
                          }};
  Count count;
  bool take_back = false;
  for (const MemberFacts& m : f.members) {
    const std::size_t before = count.done;
    if (m.confirmed && m.asked && *m.asked >= *question.since && !m.answered)
      ++count.done;
    else
      count.take(m, question);
    take_back = take_back || (count.done == before && (!m.confirmed || m.holds_new));
  }
  Verdict out = verdict(State::kArmed, std::move(count), f.members.size());
  out.until = latest(f);
  if (out.done == out.of)
    out.waits.push_back({"the effective date " + rfc3339(*f.effective)});
  else if (take_back && f.now >= *f.effective - last_call(f))
    out.act = Act::kDisarm;
  return out;
}

std::optional<Verdict> take_over(const Facts& f) {
  if (!f.switched) return Verdict{.state = State::kEffective, .act = Act::kSwitch};
  if (f.retired || f.cause == Cause::kCompromised) return std::nullopt;
  Count count;
  count.take(f.members, {f.switched, [&](const MemberFacts& m) {
                           return m.switched ? "" : quoted(m.name) + " to change over";
                         }});
  if (count.done == f.members.size()) return std::nullopt;
  return verdict(State::kEffective, std::move(count), f.members.size());
}

Time overlap_end(const Facts& f) {
  if (f.cause == Cause::kCompromised) return *f.effective;
  const Time tokens = *f.effective + f.token_lifetime;
  if (!f.old_not_after) return tokens;
  const Time documented = remove_previous_from(*f.old_not_after);
  return is_urgent(f.cause) ? std::min(tokens, documented) : documented;
}

std::optional<Verdict> overlap(const Facts& f) {
  if (f.retired) return std::nullopt;
  Verdict out{.state = State::kOverlap};
  // Members ask the policy as well.
  const Time end = std::max(overlap_end(f), f.may_destroy.value_or(overlap_end(f)));
  if (f.now >= end)
    out.act = Act::kRetire;
  else
    out.waits.push_back({"the end of the overlap at " + rfc3339(end)});
  return out;
}

std::string listed(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

std::optional<Verdict> destroy(const Facts& f) {
  const Question question{f.retired,
                          [&](const MemberFacts& m) -> std::string {
                            if (m.holds_old) return quoted(m.name) + " to destroy " + f.from.str();
                            if (!m.in_use.empty())
                              return "processes of " + quoted(m.name) +
                                     " that still sign with a copy of " + f.from.str() +
                                     " to be reloaded: " + listed(m.in_use);
                            return "";
                          },
                          false};
  Count count;
  count.take(f.members, question);
  count.take(f.standbys, question);
  const std::size_t of = f.members.size() + f.standbys.size();
  const bool all = count.done == of;
  Verdict out = verdict(State::kRetired, std::move(count), of);
  if (!all) return out;
  out.act = Act::kErase;
  return out;
}

/// In the order of a rollover's life; the first that is not past decides.
constexpr std::array<Stage, 6> kBarrier{generate, ceremony, hold, request, install, prove};
constexpr std::array<Stage, 4> kAfter{arm, take_over, overlap, destroy};

}  // namespace

Verdict judge(const Facts& facts) {
  if (facts.erased) return {.state = State::kDestroyed, .over = true};
  if (facts.aborted) return {.state = State::kAborted, .over = true};
  if (!facts.effective)
    for (const Stage stage : kBarrier)
      if (auto out = stage(facts)) {
        if (!out->until) out->until = latest(facts);
        return std::move(*out);
      }
  if (facts.effective)
    for (const Stage stage : kAfter)
      if (auto out = stage(facts)) return std::move(*out);
  return {.state = State::kDestroyed, .over = true};
}

std::string words(const Verdict& verdict) {
  std::string out(name(verdict.state));
  if (verdict.of > 0) out += " " + std::to_string(verdict.done) + "/" + std::to_string(verdict.of);
  return out;
}

std::string sentence_of(const Verdict& v, const Facts& f) {
  std::string whom;
  for (const MemberName& m : v.whom) whom += (whom.empty() ? "'" : ", '") + m.str() + "'";
  switch (v.act.value()) {
    case Act::kGenerate:
      return "generate " +
             (f.generated ? "another version of '" + f.to.key.str() + "' ahead" : f.to.str()) +
             " in the origin's token";
    case Act::kRequest:
      return "request the certificates of " + f.to.str();
    case Act::kAccept:
      return "check what the CA sent for " + f.to.str();
    case Act::kPublish:
      return "post the certificates of " + f.to.str() + " to every member";
    case Act::kNoteInstalled:
      return "note that every member has the certificates of " + f.to.str();
    case Act::kRedeliver:
      return "queue " + f.to.str() + " again for " + whom;
    case Act::kAsk:
      return "ask " + whom + " what it holds";
    case Act::kArm:
      return "tell every member that " + f.to.str() + " takes over at " + rfc3339(v.at.value());
    case Act::kDisarm:
      return "take the effective date back";
    case Act::kSwitch:
      return "state that " + f.to.str() + " is in force";
    case Act::kRetire:
      return "tell every member to destroy " + f.from.str();
    case Act::kErase:
      return "delete the envelopes of " + f.from.str() + ", and destroy it in the origin's token";
  }
  return "";
}

}  // namespace poolkey::rollover
