#include "rollover/acts.h"

#include <algorithm>

#include "base/file.h"
#include "crypto/digest.h"
#include "hsm/key_pair.h"
#include "keys/force.h"
#include "keys/generate.h"
#include "keys/origin.h"
#include "pool/install.h"
#include "pool/prove.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/statement.h"
#include "requests/create.h"
#include "requests/route.h"
#include "rollover/expose.h"
#include "rollover/facts.h"

namespace poolkey::rollover {
namespace {

namespace rq = requests;

constexpr std::string_view kDecide = "decide";

std::string verb_of(Act act) { return "rollover " + std::string(name(act)); }

/// What is decided is stored in one transaction and then told; a run that was killed in between
/// tells it when it is run again.
void tell_members(keys::Context& context, const pool::Mailbox& mailbox, const PoolName& pool,
                  store::Operation& operation) {
  const keys::DocumentSigner signer(context);
  pool::post_statements(context, signer, mailbox, pool, pool::members(context.database, pool),
                        operation);
  pool::inform_standbys(context, mailbox);
}

void decide(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll, Act act,
            json::object details, const std::function<void(StoredRoll&)>& change) {
  store::Operation operation = context.journal.begin(verb_of(act), roll.id);
  StoredRoll changed = roll;
  operation.step(kDecide, [&]() -> std::string {
    keys::record(context, verb_of(act), roll.id, "", &operation, [&]() -> json::object {
      store::Transaction transaction(context.database);
      change(changed);
      put_roll(context.database, changed);
      transaction.commit();
      return details;
    });
    return "done";
  });
  tell_members(context, mailbox, roll.pool, operation);
  operation.finish();
  roll = find_roll(context.database, roll.id);
}

void generate(keys::Context& context, const StoredRoll& roll) {
  const keys::StoredKey from = keys::key(context.database, roll.from);
  const keys::StoredKey made =
      keys::generate(context, roll.from.key, roll.pool, keys::policy_of(context.database, from));
  if (made.name != roll.to)
    throw Error(Errc::kConflict, "the rollover '" + roll.id + "' is to " + roll.to.str() +
                                     ", and " + made.name.str() +
                                     " was made; abort it and start another");
}

/// One more each time, until the policy's number stands ready.
void generate_ahead(keys::Context& context, const StoredRoll& roll) {
  const keys::StoredKey to = keys::key(context.database, roll.to);
  keys::generate(context, roll.to.key, roll.pool, keys::policy_of(context.database, to));
}

void request(keys::Context& context, const StoredRoll& roll) {
  for (const Needed& needed :
       needed_certificates(context.database, roll.pool, roll.from, roll.to)) {
    rq::create_request(context, {.pool = roll.pool,
                                 .role = needed.role,
                                 .key = roll.to,
                                 .ca = needed.ca,
                                 .organization = {}});
  }
}

/// Of several answers the first that is accepted. A refusal is kept, so that the same answers are
/// not looked at again and again.
void accept_one(keys::Context& context, StoredRoll& roll, const rq::StoredRequest& request) {
  const Answers answers = answers_to(context.database, roll, request.id);
  std::string sentence;
  const auto attempt = [&](const std::function<void()>& act) {
    try {
      act();
      return true;
    } catch (const Error& error) {
      if (error.code() != Errc::kCorrupt && error.code() != Errc::kConflict &&
          error.code() != Errc::kDenied)
        throw;
      sentence = error.what();
      return false;
    }
  };
  bool accepted = false;
  if (request.ca == rq::kEmbeddedAuthority)
    accepted = attempt([&] { rq::submit_request(context, request.id); });
  for (const crypto::Certificate& answer : answers.certificates)
    accepted =
        accepted || attempt([&] { rq::accept_request(context, request.id, hex(answer.sha256())); });
  if (accepted &&
      !is_accepted(context.database, roll, rq::find_request(context.database, request.id)))
    sentence =
        "our own CA gave the certificate that is there; it renews in the last third of a "
        "certificate's life";
  if (sentence.empty()) return;
  roll.refused[request.id] = json::object{{"answers", answers.sha256}, {"sentence", sentence}};
  put_roll(context.database, roll);
}

void accept(keys::Context& context, StoredRoll& roll) {
  for (const Needed& needed :
       needed_certificates(context.database, roll.pool, roll.from, roll.to)) {
    const rq::StoredRequest stored = rq::find_request(context.database, needed.request);
    if (!is_accepted(context.database, roll, stored)) accept_one(context, roll, stored);
  }
}

void ask(keys::Context& context, const pool::Mailbox& mailbox, const StoredRoll& roll,
         const std::vector<MemberName>& whom) {
  const auto known = pool::members(context.database, roll.pool);
  std::vector<MemberName> members, standbys;
  for (const MemberName& name : whom) {
    const bool is_member =
        std::ranges::any_of(known, [&](const pool::Member& m) { return m.name == name; });
    (is_member ? members : standbys).push_back(name);
  }
  if (!members.empty()) pool::issue_challenges(context, mailbox, roll.pool, members);
  if (!standbys.empty()) pool::issue_challenges(context, mailbox, pool::standby_pool(), standbys);
}

void redeliver(keys::Context& context, const pool::Mailbox& mailbox, const StoredRoll& roll,
               const std::vector<MemberName>& whom) {
  for (const MemberName& name : whom)
    pool::post_envelope(context, mailbox, roll.pool,
                        pool::member(context.database, roll.pool, name), roll.to);
  ask(context, mailbox, roll, whom);
}

/// What the roll leaves behind: the old version, and those between that it passed over because
/// somebody who was evicted knew them.
std::vector<keys::StoredKey> left_behind(keys::Context& context, const StoredRoll& roll) {
  std::vector<keys::StoredKey> out = keys::keys_of_pool(context.database, roll.pool);
  std::erase_if(out, [&](const keys::StoredKey& key) {
    return key.name.key != roll.to.key || key.name.version < roll.from.version ||
           key.name.version >= roll.to.version || key.state == "destroyed";
  });
  return out;
}

void destroy_at_origin(keys::Context& context, const StoredRoll& roll, const keys::StoredKey& key) {
  policy::Facts facts{.action = policy::Action::kDestroy, .key = key.name, .pool = roll.pool};
  facts.compromised = is_exposed(context.database, key.name);
  facts.superseded_for = context.clock.now() - *roll.effective;
  policy::Permit allowed = keys::permit(context, keys::policy_of(context.database, key), facts);
  allowed.require(policy::Action::kDestroy, key.name.str());
  hsm::destroy_by_id(*context.token, key.id);
}

void delete_envelopes(keys::Context& context, const pool::Mailbox& mailbox, const PoolName& of,
                      const KeyVersion& key) {
  for (const PoolName& pool : pool::pools(context.database)) {
    if (pool != of && !pool::is_standby(pool)) continue;
    for (const pool::Member& m : pool::members(context.database, pool))
      for (const char* kind : {"envelope.", "certificate."})
        remove_file(mailbox.to_member(pool, m.name, kind + key.str() + ".cms"));
  }
  context.database.run("DELETE FROM envelope WHERE key_name = :name AND version = :version",
                       {{"name", key.key.str()}, {"version", std::int64_t{key.version}}});
}

void erase(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll) {
  store::Operation operation = context.journal.begin(verb_of(Act::kErase), roll.id);
  operation.step("token", [&]() -> std::string {
    keys::record(context, verb_of(Act::kErase), roll.id, "", &operation, [&]() -> json::object {
      json::array keys;
      for (const keys::StoredKey& key : left_behind(context, roll)) {
        destroy_at_origin(context, roll, key);
        keys.emplace_back(key.name.str());
      }
      return {{"keys", std::move(keys)}};
    });
    return "done";
  });
  operation.step(kDecide, [&]() -> std::string {
    store::Transaction transaction(context.database);
    for (const keys::StoredKey& key : left_behind(context, roll)) {
      delete_envelopes(context, mailbox, roll.pool, key.name);
      keys::set_key_state(context.database, key.name, "destroyed");
    }
    roll.erased = true;
    put_roll(context.database, roll);
    transaction.commit();
    return "done";
  });
  tell_members(context, mailbox, roll.pool, operation);
  operation.finish();
}

void note(keys::Context& context, StoredRoll& roll, std::optional<Time> StoredRoll::*date) {
  roll.*date = context.clock.now();
  put_roll(context.database, roll);
}

void publish(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll) {
  pool::publish_certificate(context, mailbox, roll.pool, roll.to);
  note(context, roll, &StoredRoll::published);
}

void arm(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll, Time at) {
  decide(context, mailbox, roll, Act::kArm, {{"effective", rfc3339(at)}}, [&](StoredRoll& r) {
    r.armed = context.clock.now();
    r.effective = at;
    keys::set_in_force(context.database, r.to, at);
    keys::set_key_state(context.database, r.to, "proven");
  });
}

void take_over(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll) {
  decide(context, mailbox, roll, Act::kSwitch, {{"in_force", roll.to.str()}},
         [&](StoredRoll& r) { r.switched = context.clock.now(); });
}

void retire(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll) {
  if (roll.cause == Cause::kCompromised) revoke_internal(context, roll.from);
  decide(context, mailbox, roll, Act::kRetire, {{"retired", roll.from.str()}}, [&](StoredRoll& r) {
    r.retired = context.clock.now();
    for (const keys::StoredKey& key : left_behind(context, r)) {
      keys::set_key_state(context.database, key.name, "retired");
      end_exposures(context.database, key.name, *r.retired);
    }
  });
}

}  // namespace

void disarm(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll) {
  decide(context, mailbox, roll, Act::kDisarm, {}, [&](StoredRoll& r) {
    r.armed.reset();
    r.effective.reset();
    keys::clear_in_force(context.database, r.to);
  });
}

void perform(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll,
             const Verdict& verdict) {
  switch (verdict.act.value()) {
    case Act::kGenerate:
      return verdict.state == State::kPlanned ? generate(context, roll)
                                              : generate_ahead(context, roll);
    case Act::kRequest:
      return request(context, roll);
    case Act::kAccept:
      return accept(context, roll);
    case Act::kPublish:
      return publish(context, mailbox, roll);
    case Act::kNoteInstalled:
      return note(context, roll, &StoredRoll::installed);
    case Act::kRedeliver:
      return redeliver(context, mailbox, roll, verdict.whom);
    case Act::kAsk:
      return ask(context, mailbox, roll, verdict.whom);
    case Act::kArm:
      return arm(context, mailbox, roll, verdict.at.value());
    case Act::kDisarm:
      return disarm(context, mailbox, roll);
    case Act::kSwitch:
      return take_over(context, mailbox, roll);
    case Act::kRetire:
      return retire(context, mailbox, roll);
    case Act::kErase:
      return erase(context, mailbox, roll);
  }
}

void finish_interrupted(keys::Context& context, const pool::Mailbox& mailbox,
                        const StoredRoll& roll) {
  for (const store::PendingOperation& left : context.journal.pending()) {
    if (left.subject != roll.id || !left.verb.starts_with("rollover ")) continue;
    store::Operation operation = context.journal.begin(left.verb, left.subject);
    // It may have been decided and not be recorded so; telling what holds does no harm.
    tell_members(context, mailbox, roll.pool, operation);
    operation.finish();
  }
}

}  // namespace poolkey::rollover
