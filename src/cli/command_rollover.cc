// Rollovers, evictions and compromises, at the origin.
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "keys/origin.h"
#include "pool/prove.h"
#include "pool/recipient.h"
#include "rollover/advance.h"
#include "rollover/begin.h"
#include "rollover/dates.h"
#include "rollover/expose.h"

namespace poolkey::cli {
namespace {

namespace ro = rollover;

std::optional<Time> time_option(const Call& call, const std::string& name) {
  if (!call.arguments.has(name)) return std::nullopt;
  return parse_rfc3339(call.arguments.one(name));
}

/// Receipts that lie in the mailbox count.
void collect(Call& call, app::App& side) {
  for (const PoolName& pool : pool::pools(side.database()))
    for (const pool::Collected& c : pool::collect_receipts(side.context(), side.mailbox(), pool))
      if (!c.refused.empty())
        call.out.say("Refused the receipts of '" + c.member.str() + "': " + c.refused);
  for (const std::string& one : ro::note_destructions(side.context()))
    call.out.say("Proven: the evicted member " + one + " is destroyed there.");
}

/// What a roll that was not begun would come to.
void say_dates(Call& call, const ro::Facts& facts) {
  call.out.say("Would roll '" + facts.from.key.str() + "' over from " + facts.from.str() + " to " +
               facts.to.str() + ".");
  if (!facts.old_not_after) {
    call.out.say("  " + facts.from.str() + " has no certificate; " + facts.to.str() +
                 " takes over as soon as every member is proven.");
    return;
  }
  const Time latest = ro::latest_effective(*facts.old_not_after, facts.token_lifetime);
  call.out.say("  takes over by " + rfc3339(latest) + " at the latest: the certificate ends at " +
               rfc3339(*facts.old_not_after) + ", and what is signed lives for " +
               ro::words(facts.token_lifetime));
  if (facts.wanted)
    call.out.say("  wanted at " + rfc3339(*facts.wanted) +
                 (*facts.wanted > latest ? ", which is TOO LATE" : ""));
  call.out.say("  " + facts.from.str() + " is destroyed from " +
               rfc3339(ro::remove_previous_from(*facts.old_not_after)) +
               " on, when the policy's overlap is over as well");
}

int rollover_start(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const ro::Beginning beginning{.pool = PoolName(call.arguments.one("--pool")),
                                .key = KeyName(call.arguments.one("KEY")),
                                .cause = ro::Cause::kAsked,
                                .reason = call.arguments.one("--reason"),
                                .wanted = time_option(call, "--effective")};
  if (call.arguments.has("--dry-run")) {
    const ro::StoredRoll roll = ro::plan_roll(side.context(), beginning);
    const ro::Progress plan = ro::look(side.context(), roll);
    say_dates(call, plan.facts);
    say_progress(call, plan, true);
    return 0;
  }
  side.use_token();
  const ro::StoredRoll roll = ro::begin(side.context(), beginning);
  call.out.say("Rollover '" + roll.id + "': from " + roll.from.str() + " to " + roll.to.str() +
               ".");
  collect(call, side);
  say_progress(call, ro::advance(side.context(), side.mailbox(), roll.id), false);
  keys::checkpoint_origin(side.context());
  return 0;
}

/// The one that is named, or all that go on.
std::vector<ro::StoredRoll> meant(Call& call, store::Database& database) {
  if (call.arguments.has("ROLLOVER"))
    return {ro::find_roll(database, call.arguments.one("ROLLOVER"))};
  std::vector<ro::StoredRoll> out = ro::all_rolls(database);
  std::erase_if(out, [](const ro::StoredRoll& roll) { return roll.ended.has_value(); });
  return out;
}

void choose_date(Call& call, app::App& side) {
  if (!call.arguments.has("--effective") && !call.arguments.has("--short-overlap")) return;
  if (!call.arguments.has("ROLLOVER"))
    throw Error(Errc::kInvalidArgument,
                "--effective and --short-overlap are for one rollover: name it");
  ro::StoredRoll roll = ro::find_roll(side.database(), call.arguments.one("ROLLOVER"));
  if (roll.effective)
    throw Error(Errc::kConflict, "the rollover '" + roll.id + "' has its effective date already, " +
                                     rfc3339(*roll.effective));
  keys::record(side.context(), "rollover date", roll.id, "", nullptr, [&]() -> json::object {
    if (const auto wanted = time_option(call, "--effective")) roll.wanted = wanted;
    roll.short_overlap = roll.short_overlap || call.arguments.has("--short-overlap");
    ro::put_roll(side.database(), roll);
    return {{"wanted", roll.wanted ? rfc3339(*roll.wanted) : ""},
            {"short_overlap", roll.short_overlap}};
  });
}

int rollover_advance(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  if (call.arguments.has("--dry-run")) {
    for (const ro::StoredRoll& roll : meant(call, side.database()))
      say_progress(call, ro::look(side.context(), roll), true);
    return 0;
  }
  side.use_token();
  collect(call, side);
  choose_date(call, side);
  if (!call.arguments.has("ROLLOVER"))
    for (const ro::StoredRoll& roll : ro::begin_necessary(side.context(), side.mailbox(), true))
      call.out.say("Rollover '" + roll.id + "' begins: " + roll.reason + ".");
  bool fault = false;
  call.out.result({{"rollovers", json::array{}}});
  const std::vector<ro::StoredRoll> rolls = meant(call, side.database());
  for (const ro::StoredRoll& roll : rolls) {
    const ro::Progress now = ro::advance(side.context(), side.mailbox(), roll.id);
    fault = fault || !now.verdict.fault.empty();
    say_progress(call, now, false);
  }
  if (rolls.empty()) call.out.say("No rollover goes on, and none is due.");
  keys::checkpoint_origin(side.context());
  return fault ? kExitDifferences : 0;
}

int rollover_status(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  call.out.result({{"rollovers", json::array{}}, {"exposed", json::array{}}});
  const std::vector<ro::StoredRoll> rolls =
      call.arguments.has("--all") ? ro::all_rolls(side.database()) : meant(call, side.database());
  bool fault = false;
  for (const ro::StoredRoll& roll : rolls) {
    const ro::Progress now = ro::look(side.context(), roll);
    fault = fault || !now.verdict.fault.empty();
    say_progress(call, now, false);
    if (call.arguments.has("ROLLOVER")) say_history(call, roll);
  }
  say_exposures(call, side.database(), side.context().clock.now());
  if (rolls.empty()) call.out.say("No rollover goes on.");
  return fault ? kExitDifferences : 0;
}

int rollover_abort(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const std::string id = call.arguments.one("ROLLOVER");
  const ro::StoredRoll roll = ro::find_roll(side.database(), id);
  if (call.arguments.has("--dry-run")) {
    call.out.say("Would end '" + id + "'" +
                 (roll.effective ? ", and take the effective date " + rfc3339(*roll.effective) +
                                       " back from every member"
                                 : "") +
                 "; " + roll.to.str() + " stays for the next roll.");
    return 0;
  }
  side.use_token();
  ro::abort(side.context(), side.mailbox(), id, call.arguments.one("--reason"));
  keys::checkpoint_origin(side.context());
  call.out.say("The rollover '" + id + "' is ended; " + roll.from.str() + " stays in force.");
  call.out.result({{"rollover", id}, {"state", "aborted"}});
  return 0;
}

int rollover_look_ahead(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const Time now = side.context().clock.now();
  const int days = std::atoi(call.arguments.one("--days", "365").c_str());
  if (days < 1 || days > 36500)
    throw Error(Errc::kInvalidArgument, "--days is a number from 1 to 36500");
  std::vector<std::vector<std::string>> rows;
  json::array list;
  for (const ro::Upcoming& one : ro::upcoming(side.context())) {
    const std::string key = one.pool.str() + "." + one.in_force.key.str();
    for (const ro::Coming& roll :
         ro::look_ahead(key, one.not_after, one.validity, one.lead, one.stock, now + Days(days))) {
      rows.push_back({key, rfc3339(roll.start), rfc3339(roll.ask_by), rfc3339(roll.effective),
                      rfc3339(roll.ends), roll.ceremony ? "people" : "by itself"});
      list.emplace_back(json::object{{"key", key},
                                     {"start", rfc3339(roll.start)},
                                     {"ask_by", rfc3339(roll.ask_by)},
                                     {"effective", rfc3339(roll.effective)},
                                     {"ends", rfc3339(roll.ends)},
                                     {"ceremony", roll.ceremony}});
    }
  }
  if (rows.empty())
    call.out.say("No roll begins within " + std::to_string(days) + " days.");
  else
    call.out.table({"KEY", "BEGINS", "ASK THE CA BY", "EFFECTIVE", "OLD ONE ENDS", "RELEASE"},
                   rows);
  call.out.result({{"rolls", std::move(list)}});
  return 0;
}

int member_evict(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const pool::EvictionPlan plan =
      pool::plan_eviction(side.database(), PoolName(call.arguments.one("--pool")),
                          MemberName(call.arguments.one("MEMBER")));
  const bool dry_run = call.arguments.has("--dry-run");
  std::string held;
  json::array list;
  for (const KeyVersion& key : plan.held) {
    held += (held.empty() ? "" : ", ") + key.str();
    list.emplace_back(key.str());
  }
  const std::string who = "'" + plan.member.name.str() + "'";
  call.out.result(
      {{"member", plan.member.name.str()}, {"exposed", std::move(list)}, {"dry_run", dry_run}});
  if (dry_run) {
    call.out.say("Would evict " + who +
                 ": its trust in the origin's token and its envelopes end; " +
                 (held.empty() ? "it holds nothing."
                               : held + " would count as exposed and be "
                                        "rotated."));
    return 0;
  }
  side.use_token();
  ro::evict(side.context(), side.mailbox(), plan, call.arguments.one("--reason"));
  call.out.say("Member " + who +
               " is evicted: it is trusted no more, and its envelopes are deleted.");
  if (!held.empty())
    call.out.say("It knows " + held +
                 ": EXPOSED until rotated. It was told to destroy what it has, "
                 "and asked to prove that.");
  for (const ro::StoredRoll& roll : ro::begin_necessary(side.context(), side.mailbox(), false)) {
    call.out.say("Rollover '" + roll.id + "' begins.");
    say_progress(call, ro::advance(side.context(), side.mailbox(), roll.id), false);
  }
  keys::checkpoint_origin(side.context());
  return 0;
}

int key_compromise(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const KeyVersion key = parse_key_version(call.arguments.one("KEY"));
  const std::filesystem::path folder = call.arguments.one("--out", ".");
  if (call.arguments.has("--dry-run")) {
    for (const ro::Revocation& one : ro::revocations(side.database(), key))
      call.out.say("Would " + std::string(one.internal ? "revoke" : "write a request to revoke") +
                   " the certificate " + one.certificate.serial() + " by '" +
                   one.certificate.issuer() + "'.");
    call.out.say("Would begin a roll away from " + key.str() + ", to be done within 24 h.");
    return 0;
  }
  side.use_token();
  const auto found =
      ro::compromise(side.context(), side.mailbox(), key, call.arguments.one("--reason"), folder,
                     call.arguments.has("--revoke-now"));
  call.out.say(key.str() + " is declared compromised. Revoke and replace it within 24 h:");
  json::array list;
  for (const ro::Revocation& one : found) {
    call.out.say(one.internal ? "  certificate " + one.certificate.serial() + " by our own CA: " +
                                    (call.arguments.has("--revoke-now")
                                         ? "revoked"
                                         : "revoked by itself when the new version is in force")
                              : "  certificate " + one.certificate.serial() + " by '" +
                                    one.certificate.issuer() + "': send '" + one.file.string() +
                                    "' to that CA");
    list.emplace_back(json::object{{"serial", one.certificate.serial()},
                                   {"issuer", one.certificate.issuer()},
                                   {"internal", one.internal},
                                   {"file", one.file.string()}});
  }
  call.out.result({{"key", key.str()}, {"revocations", std::move(list)}});
  if (const auto roll = ro::running_roll(side.database(), key.key))
    say_progress(call, ro::advance(side.context(), side.mailbox(), roll->id), false);
  keys::checkpoint_origin(side.context());
  return 0;
}

const Option kDryRun{"--dry-run", "", "print what would be done, and change nothing"};
const Option kReason{"--reason", "TEXT", "why; goes into the audit log", true};

}  // namespace

std::span<const Command> rollover_commands() {
  static const Option kWhich{"ROLLOVER", "ID", "the rollover; all that go on where left out"};
  static const auto& commands = *new std::vector<Command>{
      {"rollover start",
       "origin",
       "begin to replace a key's version in force",
       {{"KEY", "NAME", "name of the key", true},
        {"--pool", "POOL", "its pool", true},
        {"--reason", "TEXT", "why; goes into the audit log"},
        {"--effective", "TIME",
         "when the new version takes over, as 2027-05-06T04:00:00Z (default: as late as is safe)"},
        kDryRun},
       rollover_start},
      {"rollover status",
       "origin",
       "where rollovers stand, and what they wait for (exit 20: a person has to decide)",
       {kWhich, {"--all", "", "those that are over as well"}},
       rollover_status},
      {"rollover advance",
       "origin",
       "carry rollovers on as far as they may go, and begin those that are due; for a timer",
       {kWhich,
        {"--effective", "TIME", "when the new version takes over"},
        {"--short-overlap", "",
         "take over at once though tokens of the old version will end early"},
        kDryRun},
       rollover_advance},
      {"rollover abort",
       "origin",
       "end a rollover before its effective date",
       {{"ROLLOVER", "ID", "the rollover", true}, kReason, kDryRun},
       rollover_abort},
      {"rollover look-ahead",
       "origin",
       "the rolls to come, and which of them need people",
       {{"--days", "N", "how far (default 365)"}},
       rollover_look_ahead},
      {"member evict",
       "origin",
       "end a member's trust; what it held is exposed until rotated, and a rollover begins",
       {{"MEMBER", "MEMBER", "the member", true},
        {"--pool", "POOL", "its pool", true},
        kReason,
        kDryRun},
       member_evict},
      {"key compromise",
       "origin",
       "declare a version compromised: revoke and replace it within 24 hours",
       {{"KEY", "KEY@N", "the key version", true},
        kReason,
        {"--out", "FOLDER", "where requests to other CAs are written (default: here)"},
        {"--revoke-now", "", "revoke our own CA's certificates before there are new ones"},
        kDryRun},
       key_compromise},
  };
  return commands;
}

}  // namespace poolkey::cli
