// The pool as a whole, at the origin: definition, proof, state, repair, report.
#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/progress.h"
#include "keys/origin.h"
#include "pool/prove.h"
#include "pool/recipient.h"
#include "pool/statement.h"
#include "pool/survey.h"
#include "requests/answer.h"
#include "requests/ca/revocation_list.h"
#include "requests/plan.h"

namespace poolkey::cli {
namespace {

/// Before the day to ask for a certificate by.
constexpr Days kWarnAhead{30};

PoolName pool_of(const Call& call) { return PoolName(call.arguments.one("POOL")); }

int pool_define(Call& call) {
  const std::string file = call.arguments.one("TOPOLOGY");
  const std::string text = read_file(file);
  const requests::Topology topology = requests::parse_topology(text, file);
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.open_token();
  for (const toml::Fault& warning : topology.warnings)
    call.out.say("warning: " + warning.where.str() + ": " + warning.sentence);
  json::array list;
  for (const requests::Pool& pool : topology.pools) {
    bool changed = false;
    keys::record(side.context(), "pool define", pool.name.str(), "", nullptr,
                 [&]() -> json::object {
                   changed = pool::define_pool(side.database(), pool.name, {file, text},
                                               pool.members, side.context().clock.now());
                   return {{"topology", text}, {"changed", changed}};
                 });
    call.out.say("Pool '" + pool.name.str() + "' with " + std::to_string(pool.members.size()) +
                 " members is " + (changed ? "defined." : "as it was."));
    list.emplace_back(json::object{{"pool", pool.name.str()}, {"changed", changed}});
  }
  call.out.result({{"pools", std::move(list)}});
  return 0;
}

int pool_challenge(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.use_token();
  json::array list;
  for (const MemberName& m :
       pool::issue_challenges(side.context(), side.mailbox(), pool_of(call))) {
    call.out.say("Asked '" + m.str() + "' to prove what it holds.");
    list.emplace_back(m.str());
  }
  keys::checkpoint_origin(side.context());
  call.out.result({{"asked", std::move(list)}});
  return 0;
}

/// Takes what lies in the mailbox. True if a file was refused.
bool collect(Call& call, app::App& side, const PoolName& pool) {
  bool refused = false;
  json::array list;
  for (const pool::Collected& c : pool::collect_receipts(side.context(), side.mailbox(), pool)) {
    call.out.say(c.refused.empty()
                     ? "Took " + std::to_string(c.receipts.size()) + " receipt(s) of '" +
                           c.member.str() + "'."
                     : "Refused the receipts of '" + c.member.str() + "': " + c.refused);
    refused = refused || !c.refused.empty();
    list.emplace_back(json::object{{"member", c.member.str()},
                                   {"receipts", static_cast<std::int64_t>(c.receipts.size())},
                                   {"refused", c.refused}});
  }
  for (const std::string& id : requests::note_installed(side.context(), pool))
    call.out.say("The certificate of '" + id + "' is installed on every member.");
  call.out.result({{"collected", std::move(list)}});
  return refused;
}

int pool_collect(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  side.open_token();
  return collect(call, side, pool_of(call)) ? kExitDifferences : 0;
}

int pool_attest(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const PoolName pool = pool_of(call);
  side.use_token();
  collect(call, side, pool);
  const Bytes cms = pool::attest(side.context(), side.mailbox(), pool);
  keys::checkpoint_origin(side.context());
  const std::string out = call.arguments.one("--out");
  if (!out.empty()) write_file(out, ByteView(cms));
  call.out.say("Every member of pool '" + pool.str() + "' has proven possession" +
               (out.empty() ? "." : "; the attestation is in '" + out + "'."));
  call.out.result({{"pool", pool.str()},
                   {"attestation", base64(cms)},
                   {"root_sha256", hex(keys::origin_root(side.database()).sha256())}});
  return 0;
}

int pool_reconcile(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const PoolName pool = pool_of(call);
  const bool dry_run = call.arguments.has("--dry-run");
  side.open_token();
  collect(call, side, pool);
  json::array list;
  const auto repairs = pool::reconcile(side.context(), side.mailbox(), pool, dry_run);
  for (const pool::Repair& r : repairs) {
    call.out.say(std::string(dry_run ? "Would queue " : "Queued ") + r.key.str() + " for '" +
                 r.member.str() + "' again; no ceremony is needed.");
    list.emplace_back(json::object{{"member", r.member.str()}, {"key", r.key.str()}});
  }
  for (const pool::Observation& o : pool::survey(side.database(), pool))
    if (o.holding == pool::Holding::kUnknown)
      call.out.say("Left '" + o.member.name.str() + "' alone: whether it holds " + o.key.str() +
                   " is unknown (waits for " + o.waiting_for + ").");
  if (repairs.empty()) call.out.say("No member is known to lack a key.");
  call.out.result({{"queued", std::move(list)}, {"dry_run", dry_run}});
  return 0;
}

std::string age(const std::string& when, Time now) {
  if (when.empty()) return "never";
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(now - parse_rfc3339(when));
  if (minutes.count() < 1) return "just now";
  if (minutes.count() < 120) return std::to_string(minutes.count()) + " min";
  if (minutes.count() < 48 * 60) return std::to_string(minutes.count() / 60) + " h";
  return std::to_string(minutes.count() / (24 * 60)) + " d";
}

/// What the member had beside its key when it last answered: the newest certificate, another one,
/// or none.
std::string certificate_state(store::Database& database, const pool::Observation& o) {
  if (o.holding != pool::Holding::kPresent) return "unknown";
  const std::string& installed = o.receipt->receipt.certificate_sha256;
  if (installed.empty()) return "none";
  const auto newest = keys::certificate_of(database, o.key);
  return newest && hex(newest->certificate.sha256()) == installed ? "installed" : "another";
}

using Words = std::vector<std::string>;

/// What an operator has to know beside the state of a replica.
std::string remark_on(const pool::Observation& o) {
  std::vector<std::string> parts;
  if (!o.waiting_for.empty()) parts.push_back("waits for " + o.waiting_for);
  if (o.receipt && !o.receipt->receipt.strays.empty())
    parts.push_back("drift: " + std::to_string(o.receipt->receipt.strays.size()) + " stray key(s)");
  if (o.member.token.software)
    parts.push_back("its keys are in software, at a delivery station");
  else if (o.receipt && !o.receipt->receipt.not_told.empty())
    parts.push_back("its token does not tell " + listed(o.receipt->receipt.not_told));
  if (!o.member.token.not_enforced.empty())
    parts.push_back("its token does not enforce " + listed(o.member.token.not_enforced));
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : "; ") + part;
  return out;
}

/// CA keys whose CRL relying parties do not accept any more.
json::array overdue_crls(Call& call, store::Database& database, Time now) {
  json::array out;
  for (const requests::CrlState& state :
       requests::crl_states(database, requests::ca_config(database), now)) {
    if (!state.overdue) continue;
    call.out.say("The CRL of " + state.ca.key.name.str() + " is overdue: " + state.why +
                 "; run 'poolkey ca crl'.");
    out.emplace_back(state.ca.key.name.str());
  }
  return out;
}

/// Which certificates of a pool are to be asked for soon. True if one should have been before.
bool warn_of_dates(Call& call, store::Database& database, const PoolName& pool, Time now,
                   json::array& warnings) {
  if (pool::is_standby(pool)) return false;  // has keys, and no certificates
  auto plan = requests::plan(requests::topology_of(database, pool));
  std::erase_if(plan, [&](const requests::PlannedCertificate& p) { return p.pool != pool; });
  requests::add_existing(plan, database);
  bool late = false;
  for (const requests::PlannedCertificate& p : plan) {
    const std::string sentence = requests::warning(p, now, kWarnAhead);
    if (sentence.empty()) continue;
    call.out.say("Certificate " + sentence + ".");
    warnings.emplace_back(sentence);
    late = late || p.ask_by().value_or(now) <= now;
  }
  return late;
}

int status(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  store::Database& database = side.database();
  const Time now = side.context().clock.now();
  json::array pools;
  bool whole = true;
  for (const PoolName& pool : pool::pools(database)) {
    const std::vector<KeyVersion> current = pool::in_force(database, pool, now);
    std::vector<std::vector<std::string>> keys, members;
    json::array keys_json, members_json;
    for (const keys::StoredKey& key : keys::keys_of_pool(database, pool)) {
      const auto certificate = keys::certificate_of(database, key.name);
      const bool in_force = std::find(current.begin(), current.end(), key.name) != current.end();
      const std::string until =
          certificate ? rfc3339(certificate->certificate.not_after()) : "none";
      keys.push_back(
          {key.name.str(), key.public_key.algorithm(), key.state, in_force ? "yes" : "no", until});
      keys_json.emplace_back(json::object{{"key", key.name.str()},
                                          {"state", key.state},
                                          {"in_force", in_force},
                                          {"certificate_until", until}});
    }
    for (const pool::Observation& o : pool::survey(database, pool)) {
      whole = whole && o.holding == pool::Holding::kPresent;
      members.push_back({o.member.name.str(), o.key.str(), std::string(name(o.holding)),
                         age(o.proved_at, now), certificate_state(database, o), remark_on(o)});
      members_json.emplace_back(app::observation_view(o));
    }
    call.out.say("Pool '" + pool.str() + "'");
    call.out.table({"KEY", "ALGORITHM", "STATE", "IN FORCE", "CERTIFICATE UNTIL"}, keys);
    call.out.say("");
    call.out.table({"MEMBER", "KEY", "REPLICA", "PROVEN", "CERTIFICATE", ""}, members);
    pools.emplace_back(json::object{{"pool", pool.str()},
                                    {"keys", std::move(keys_json)},
                                    {"members", std::move(members_json)}});
  }
  call.out.result({{"rollovers", json::array{}}, {"exposed", json::array{}}});
  whole = !say_exposures(call, database, now) && whole;
  for (const rollover::StoredRoll& roll : rollover::all_rolls(database)) {
    if (roll.ended) continue;
    const rollover::Progress progress = rollover::look(side.context(), roll);
    whole = whole && progress.verdict.fault.empty();
    call.out.say("Rollover");
    say_progress(call, progress, true);
  }
  json::array dates;
  for (const PoolName& pool : pool::pools(database))
    whole = !warn_of_dates(call, database, pool, now, dates) && whole;
  json::array overdue = overdue_crls(call, database, now);
  whole = whole && overdue.empty();
  json::array pending;
  for (const store::PendingOperation& op : side.journal().pending()) {
    call.out.say("Unfinished: '" + op.verb + "' on " + op.subject + "; run it again.");
    pending.emplace_back(json::object{{"verb", op.verb}, {"subject", op.subject}});
  }
  call.out.result({{"pools", std::move(pools)},
                   {"certificates_due", std::move(dates)},
                   {"crls_overdue", std::move(overdue)},
                   {"unfinished", std::move(pending)}});
  return whole || !call.arguments.has("--check") ? 0 : kExitDifferences;
}

json::value attribute_of(const pool::Observation& o, std::string_view wanted) {
  if (!o.receipt) return nullptr;
  for (const NamedAttribute& a : o.receipt->receipt.attributes)
    if (a.name == wanted) return std::get<bool>(a.value);
  return nullptr;
}

int pool_report(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  store::Database& database = side.database();
  const PoolName pool = pool_of(call);
  const std::vector<KeyVersion> current =
      pool::in_force(database, pool, side.context().clock.now());
  if (current.empty())
    throw Error(Errc::kNotFound, "pool '" + pool.str() + "' has no released key to report on");
  const keys::StoredKey key = keys::key(database, current.front());
  json::array members;
  for (const pool::Observation& o : pool::survey(database, pool)) {
    if (o.key != key.name) continue;
    json::object one = app::observation_view(o);
    one["spki_sha256"] = o.receipt ? json::value(o.receipt->receipt.spki_sha256) : nullptr;
    one["extractable"] = attribute_of(o, "CKA_EXTRACTABLE");
    one["sensitive"] = attribute_of(o, "CKA_SENSITIVE");
    members.emplace_back(std::move(one));
  }
  json::object report{{"pool", pool.str()},
                      {"key", json::object{{"name", key.name.key.str()},
                                           {"version", std::int64_t{key.name.version}},
                                           {"spki_sha256", hex(key.public_key.spki_sha256())},
                                           {"algorithm", key.public_key.algorithm()}}},
                      {"members", std::move(members)}};
  if (const auto stored = keys::certificate_of(database, key.name)) {
    json::array sans;
    for (const std::string& san : stored->certificate.dns_sans()) sans.emplace_back(san);
    const auto request =
        database.row("SELECT subject FROM request WHERE id = :id", {{"id", stored->request}});
    report["request"] =
        json::object{{"subject", request ? request->text("subject") : ""}, {"sans", sans}};
    report["certificate"] = json::object{{"serial", stored->certificate.serial()},
                                         {"not_after", rfc3339(stored->certificate.not_after())},
                                         {"sans", sans}};
  }
  report["timings_ms"] = json::object{};
  for (const std::string& timing : call.arguments.all("--timing")) {
    const auto equals = timing.find('=');
    if (equals == std::string::npos)
      throw Error(Errc::kInvalidArgument, "write a timing as STEP=MILLISECONDS");
    report["timings_ms"].as_object()[timing.substr(0, equals)] =
        static_cast<std::int64_t>(std::atoll(timing.c_str() + equals + 1));
  }
  const std::string out = call.arguments.one("--out");
  if (out.empty())
    call.out.product(json::pretty(report));
  else
    write_file(out, json::pretty(report));
  call.out.result(std::move(report));
  return 0;
}

}  // namespace

std::span<const Command> pool_commands() {
  static const Option kPool{"POOL", "POOL", "the pool", true};
  static const auto& commands = *new std::vector<Command>{
      {"pool define",
       "origin",
       "define the pools of a topology file",
       {{"TOPOLOGY", "FILE", "topology (TOML)", true}},
       pool_define},
      {"pool challenge",
       "origin",
       "ask every member to prove what it holds",
       {kPool},
       pool_challenge},
      {"pool collect", "origin", "check and take the members' receipts", {kPool}, pool_collect},
      {"pool attest",
       "origin",
       "sign that every member has proven possession",
       {kPool, {"--out", "FILE", "write the attestation (CMS, DER) here"}},
       pool_attest},
      {"pool reconcile",
       "origin",
       "queue keys again for members that lost them",
       {kPool, {"--dry-run", "", "only say what would be done"}},
       pool_reconcile},
      {"pool report",
       "origin",
       "the pool's key, members and certificate as JSON",
       {kPool,
        {"--out", "FILE", "write it here"},
        {"--timing", "STEP=MS", "add a timing", false, true}},
       pool_report},
      {"status",
       "origin",
       "show key versions, and what every member is known to hold",
       {{"--check", "",
         "exit with 20 unless every replica is known to be present and no CRL is overdue"}},
       status},
  };
  return commands;
}

}  // namespace poolkey::cli
