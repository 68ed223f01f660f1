#include "rollover/facts.h"

#include <algorithm>

#include "crypto/digest.h"
#include "pool/recipient.h"
#include "pool/safeguard.h"
#include "pool/survey.h"
#include "requests/plan.h"

namespace poolkey::rollover {
namespace {

namespace rq = requests;

std::vector<rq::PlannedCertificate> planned(store::Database& database, const PoolName& pool) {
  auto out = rq::plan(rq::topology_of(database, pool));
  std::erase_if(out, [&](const auto& p) { return p.pool != pool || p.server; });
  rq::add_existing(out, database);
  return out;
}

bool serves_with(const rq::PlannedCertificate& planned, const KeyVersion& key) {
  return std::ranges::any_of(planned.existing, [&](const rq::Existing& e) {
    return e.key == key && e.not_after.has_value();
  });
}

/// A renewal for the same key answers the same request: what was in service does not count.
bool counts(const StoredRoll& roll, const crypto::Certificate& certificate) {
  return roll.from != roll.to || !roll.old_not_after ||
         certificate.not_after() > *roll.old_not_after;
}

RequestFacts request_facts(store::Database& database, const StoredRoll& roll,
                           const Needed& needed) {
  RequestFacts out{.id = needed.request};
  const auto stored = rq::look_up_request(database, needed.request);
  if (!stored) return out;
  out.submitted = rq::is_signed(*stored);
  if (stored->route() == rq::Route::kEst)
    out.hint = " ('poolkey request submit " + needed.request + "')";
  if (stored->route() == rq::Route::kFile)
    out.hint = stored->state < rq::State::kSubmitted
                   ? " ('poolkey request export " + needed.request + "', and send it)"
                   : " ('poolkey request import FILE')";
  out.accepted = is_accepted(database, roll, *stored);
  const Answers answers = answers_to(database, roll, needed.request);
  out.answered = !answers.certificates.empty() || stored->ca == rq::kEmbeddedAuthority;
  if (const auto* refused = roll.refused.if_contains(needed.request)) {
    const json::object& last = refused->as_object();
    // Looked at already; another answer is looked at again.
    if (last.at("answers").as_string() == answers.sha256) {
      out.answered = false;
      out.refused = std::string(last.at("sentence").as_string());
    }
  }
  return out;
}

/// True if the member has shown since arming that it knows the date.
bool has_confirmed(store::Database& database, const StoredRoll& roll, const MemberName& member) {
  if (!roll.armed) return false;
  for (const store::Row& row : database.rows(
           "SELECT document FROM receipt WHERE pool = :pool AND member = :member AND key_name ="
           " :name AND version = :version AND received_at >= :armed",
           {{"pool", roll.pool.str()},
            {"member", member.str()},
            {"name", roll.to.key.str()},
            {"version", std::int64_t{roll.to.version}},
            {"armed", rfc3339(*roll.armed)}}))
    for (const pool::SignedReceipt& document : pool::signed_receipts(row.text("document")))
      if (pool::receipt(document.statement.statement).effective == roll.effective) return true;
  return false;
}

/// The members' receipts are told apart from the standbys', who have no part in the barrier.
MemberFacts member_facts(store::Database& database, const StoredRoll& roll, const PoolName& pool,
                         const pool::Member& member, const std::vector<std::string>& certificates) {
  MemberFacts out{.name = member.name, .enrolled = member.enrolled};
  if (!member.enrolled) return out;
  const auto asked = pool::newest_challenge(database, pool, member.name);
  if (!asked) return out;
  out.asked = parse_rfc3339(asked->issued_at);
  out.answered = asked->answered_at.has_value();
  const auto about = pool::find_receipt(database, pool, member.name, roll.to, asked->nonce);
  const auto old = pool::find_receipt(database, pool, member.name, roll.from, asked->nonce);
  out.told = about.has_value() || !out.answered;
  out.holds_old = !old || old->receipt.present;
  if (old) out.in_use = old->receipt.in_use;
  if (!about) return out;
  const pool::Receipt& said = about->receipt;
  out.holds_new = said.present;
  out.certificate = std::ranges::find(certificates, said.certificate_sha256) != certificates.end();
  out.switched = said.in_force;
  out.confirmed = has_confirmed(database, roll, member.name);
  if (said.made)
    out.clock =
        ClockOffset{*said.made - parse_rfc3339(about->received_at), *said.made - *out.asked};
  return out;
}

bool is_released(store::Database& database, const PoolName& pool, const KeyVersion& key,
                 const std::vector<pool::Member>& members) {
  const pool::ReleaseNumbers released = pool::newest_releases(database, pool);
  return std::ranges::all_of(members, [&](const pool::Member& m) {
    return m.enrolled && released.contains({m.name, key});
  });
}

}  // namespace

std::vector<Needed> needed_certificates(store::Database& database, const PoolName& pool,
                                        const KeyVersion& from, const KeyVersion& to) {
  std::vector<Needed> out;
  for (const rq::PlannedCertificate& p : planned(database, pool))
    if (serves_with(p, from))
      out.push_back({p.kind->role, p.authority.name,
                     rq::request_id(pool, p.kind->role, std::nullopt, to, p.authority.name),
                     p.token_lifetime, p.authority.turnaround, p.roll_out});
  return out;
}

Answers answers_to(store::Database& database, const StoredRoll& roll, const std::string& request) {
  Answers out{rq::answers(database, request), ""};
  std::erase_if(out.certificates, [&](const auto& c) { return !counts(roll, c); });
  std::string digests;
  for (const crypto::Certificate& answer : out.certificates) digests += hex(answer.sha256());
  out.sha256 = hex(crypto::sha256(view(digests)));
  return out;
}

bool is_accepted(store::Database& database, const StoredRoll& roll,
                 const rq::StoredRequest& request) {
  if (request.state < rq::State::kAccepted) return false;
  const auto bound = keys::certificate_of_request(database, request.id);
  return bound && counts(roll, bound->certificate);
}

std::optional<Time> certificates_end(store::Database& database, const KeyVersion& key) {
  std::optional<Time> out;
  for (const rq::StoredRequest& r : rq::requests_of_key(database, key))
    if (const auto bound = keys::certificate_of_request(database, r.id))
      if (const Time end = bound->certificate.not_after(); !out || end < *out) out = end;
  return out;
}

Facts facts_of(keys::Context& context, const StoredRoll& roll) {
  store::Database& database = context.database;
  Facts out{.now = context.clock.now(),
            .cause = roll.cause,
            .pool = roll.pool,
            .from = roll.from,
            .to = roll.to,
            .published = roll.published,
            .installed = roll.installed,
            .old_not_after = roll.old_not_after,
            .wanted = roll.wanted,
            .short_overlap = roll.short_overlap,
            .armed = roll.armed,
            .effective = roll.effective,
            .switched = roll.switched,
            .retired = roll.retired,
            .erased = roll.erased,
            .aborted = roll.state == State::kAborted};
  const std::vector<pool::Member> members = pool::members(database, roll.pool);
  if (const auto key = keys::find_key(database, roll.to)) {
    out.generated = true;
    out.released = !members.empty() && is_released(database, roll.pool, roll.to, members);
    const policy::Policy policy = keys::policy_of(database, *key);
    for (const keys::StoredKey& other : keys::keys_of_pool(database, roll.pool))
      if (other.name.key == roll.to.key && other.name.version > roll.to.version &&
          other.state == "generated")
        out.ahead.push_back(other.name);
    out.wanted_ahead = policy.ceremony().ahead.value;
    out.needs_backup = policy.key().require_backup.value && !pool::safeguarded(database, roll.to);
  }
  if (const auto key = keys::find_key(database, roll.from); key && roll.effective)
    out.may_destroy =
        roll.cause == Cause::kCompromised
            ? *roll.effective
            : *roll.effective + keys::policy_of(database, *key).lifetime().overlap.value;
  std::vector<std::string> certificates;
  for (const Needed& needed : needed_certificates(database, roll.pool, roll.from, roll.to)) {
    out.requests.push_back(request_facts(database, roll, needed));
    out.token_lifetime = std::max(out.token_lifetime, needed.token_lifetime);
    if (const auto bound = keys::certificate_of_request(database, needed.request))
      certificates.push_back(hex(bound->certificate.sha256()));
  }
  for (const pool::Member& m : members)
    out.members.push_back(member_facts(database, roll, roll.pool, m, certificates));
  for (const pool::Member& m : pool::standbys(database))
    if (pool::newest_envelope(database, pool::standby_pool(), m.name, roll.from))
      out.standbys.push_back(member_facts(database, roll, pool::standby_pool(), m, certificates));
  return out;
}

}  // namespace poolkey::rollover
