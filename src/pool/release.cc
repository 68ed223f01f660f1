#include "pool/release.h"

#include "crypto/digest.h"
#include "home/oids.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "keys/number.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/safeguard.h"
#include "pool/standby.h"
#include "pool/statement.h"
#include "pool/suite.h"

namespace poolkey::pool {
namespace {

std::vector<std::string> stray_trusted_keys(keys::Context& context) {
  std::vector<crypto::PublicKey> known;
  for (const PoolName& pool : pools(context.database))
    for (const Member& m : members(context.database, pool))
      if (m.transport) known.push_back(*m.transport);
  std::vector<std::string> out;
  const hsm::Lease lease = context.token->lease();
  for (const crypto::PublicKey& key : hsm::TrustedKeys(*lease).besides(known))
    out.push_back(hex(key.spki_sha256()));
  return out;
}

bool may_hold(const policy::Policy& policy, const Member& standby) {
  return policy.exports().wrapped &&
         policy::contains(policy.exports().wrapped->standbys, standby.name.str());
}

/// A standby exports again, so the weakest token among it and the origin counts.
policy::WrapWithTrusted weakest(keys::Context& context, const ReleasePlan& plan) {
  for (const Member& standby : plan.standbys)
    if (std::ranges::count(standby.token.not_enforced, "CKA_WRAP_WITH_TRUSTED") > 0)
      return policy::WrapWithTrusted::kIgnored;
  return keys::wrap_with_trusted(*context.token);
}

policy::Permit release_permit(keys::Context& context, const ReleasePlan& plan,
                              const keys::StoredKey& key, const policy::Policy& policy) {
  policy::Facts facts{.action = policy::Action::kRelease, .key = key.name, .pool = plan.pool};
  facts.algorithm = key.public_key.algorithm();
  facts.key_age = context.clock.now() - key.created;
  facts.suite = plan.suite;
  facts.recipients = static_cast<std::uint32_t>(plan.members.size());
  facts.enrolled = true;  // plan_release() refuses others
  for (const Member& m : plan.members)
    if (m.token.software) facts.software.push_back(m.name);
  for (const Member& standby : plan.standbys)
    if (may_hold(policy, standby)) facts.standbys.push_back(standby.name);
  // The record says where it was generated: here, or in the token of the origin before this one.
  facts.from_origin = !is_inherited(context.database, key.name);
  if (!facts.from_origin) facts.promoted = promoted(context.database);
  facts.safeguarded = safeguarded(context.database, key.name);
  facts.wrap_with_trusted = weakest(context, plan);
  return keys::permit(context, policy, facts);
}

std::string subject_of(const ReleasePlan& plan) {
  std::string out = plan.pool.str();
  for (const keys::StoredKey& key : plan.keys) out += "/" + key.name.str();
  return plan.members.empty() ? out + "/standbys" : out;
}

/// Takes the next number for this release, so that no other gets it. One that is never filled
/// leaves a gap, which is harmless.
std::int64_t take_number(keys::Context& context, const ReleasePlan& plan) {
  store::Transaction transaction(context.database);
  const auto newest = context.database.row("SELECT MAX(number) AS newest FROM release");
  const std::int64_t number =
      keys::next_number(context.database, keys::Counter::kRelease,
                        newest->is_null("newest") ? 0 : newest->integer("newest"));
  context.database.run(
      "INSERT INTO release (number, pool, suite, created_at, operator)"
      " VALUES (:number, :pool, :suite, :now, :operator)",
      {{"number", number},
       {"pool", plan.pool.str()},
       {"suite", std::string(word(plan.suite))},
       {"now", rfc3339(context.clock.now())},
       {"operator", context.actor}});
  transaction.commit();
  return number;
}

/// A private key object of the origin with the public key on record, or an error that says so.
CK_OBJECT_HANDLE origin_object(hsm::Session& session, const keys::StoredKey& key) {
  const auto found = hsm::find_private_key(session, key.public_key, key.id);
  if (!found)
    throw Error(Errc::kConflict, "the origin's token no longer holds " + key.name.str() +
                                     "; restore the token before you release");
  return found->handle;
}

struct WrappedKey {
  const keys::StoredKey* key;
  Bytes kwp;
};

/// The wrapped parts: each key once, and the wrapping key once for each member.
struct Wrapped {
  std::vector<WrappedKey> keys;
  std::vector<Bytes> oaep;  ///< in the order of the plan's recipients
};

struct Recipient {
  PoolName pool;
  Member member;
};

/// Members first, then standbys.
std::vector<Recipient> recipients_of(const ReleasePlan& plan) {
  std::vector<Recipient> out;
  for (const Member& m : plan.members) out.push_back({plan.pool, m});
  for (const Member& m : plan.standbys) out.push_back({standby_pool(), m});
  return out;
}

Wrapped wrap_all(keys::Context& context, const ReleasePlan& plan,
                 const std::function<void(hsm::Role)>& log_in) {
  hsm::Token& token = *context.token;
  log_in(hsm::Role::kSecurityOfficer);
  hsm::Session& session = token.keeper();  // the wrapping key lives and dies with this session
  const CK_OBJECT_HANDLE wrapping_key = hsm::generate_trusted_wrapping_key(session);
  token.logout();
  log_in(hsm::Role::kUser);
  Wrapped out;
  for (const keys::StoredKey& key : plan.keys)
    out.keys.push_back({&key, hsm::wrap_kwp(session, wrapping_key, origin_object(session, key))});
  const hsm::TrustedKeys trusted_keys(session);
  for (const auto& [pool, m] : recipients_of(plan)) {
    const CK_OBJECT_HANDLE trusted = trusted_keys.find(m.transport.value());
    if (trusted == CK_INVALID_HANDLE)
      throw Error(Errc::kConflict, "the origin's token has no trusted key of member '" +
                                       m.name.str() + "'; admit the member again");
    out.oaep.push_back(hsm::wrap_oaep(session, trusted, wrapping_key, oaep_hash(plan.suite)));
  }
  hsm::destroy_object(session, wrapping_key);
  return out;
}

Envelope envelope_for(const ReleasePlan& plan, const Recipient& recipient,
                      const keys::StoredKey& key, const policy::Policy& policy, std::int64_t number,
                      Bytes blob) {
  return {address_of(recipient.pool, recipient.member),
          key.name,
          number,
          key.public_key,
          key.id,
          held_private(policy, recipient.pool),
          held_public(policy, recipient.pool),
          policy.file(),
          key.policy_sha256,
          policy.text(),
          std::string(word(plan.suite)),
          std::move(blob)};
}

void store_release(keys::Context& context, const ReleasePlan& plan, std::int64_t number,
                   const std::vector<Envelope>& envelopes, const std::vector<Bytes>& cms) {
  store::Database& database = context.database;
  store::Transaction transaction(database);
  const std::string now = rfc3339(context.clock.now());
  for (const keys::StoredKey& key : plan.keys) {
    database.run(
        "INSERT INTO release_key (number, key_name, version) VALUES (:number, :name, :version)",
        {{"number", number},
         {"name", key.name.key.str()},
         {"version", std::int64_t{key.name.version}}});
    if (key.state == "generated" && !plan.members.empty())
      keys::set_key_state(database, key.name, "released");
  }
  for (std::size_t i = 0; i < envelopes.size(); ++i)
    database.run(
        "INSERT INTO envelope (number, key_name, version, pool, member, cms, state, queued_at)"
        " VALUES (:number, :name, :version, :pool, :member, :cms, 'queued', :now)",
        {{"number", number},
         {"name", envelopes[i].key.key.str()},
         {"version", std::int64_t{envelopes[i].key.version}},
         {"pool", envelopes[i].member.pool.str()},
         {"member", envelopes[i].member.member.str()},
         {"cms", base64(cms[i])},
         {"now", now}});
  transaction.commit();
}

bool is_stored(store::Database& database, std::int64_t number) {
  return database
             .row("SELECT COUNT(*) AS n FROM envelope WHERE number = :number", {{"number", number}})
             ->integer("n") > 0;
}

}  // namespace

ReleasePlan plan_release(keys::Context& context, const PoolName& pool,
                         const std::vector<KeyVersion>& versions, bool standbys_only) {
  ReleasePlan plan{pool, {}, {}, {}, policy::Suite::kOaepSha256Kwp, {}};
  if (!standbys_only) plan.members = members(context.database, pool);
  for (const KeyVersion& version : versions) {
    keys::StoredKey key = keys::key(context.database, version);
    if (key.pool != pool)
      throw Error(Errc::kDenied, version.str() + " is not a key of pool '" + pool.str() +
                                     "'; keys are generated for one pool and stay in it");
    plan.keys.push_back(std::move(key));
  }
  std::sort(plan.keys.begin(), plan.keys.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const Member& m : plan.members)
    if (!m.enrolled)
      throw Error(Errc::kDenied, "member '" + m.name.str() + "' of pool '" + pool.str() +
                                     "' is not enrolled; enrol and admit it, or take it out of "
                                     "the topology");
  const policy::Policy policy = keys::policy_of(context.database, plan.keys.at(0));
  for (const Member& standby : standbys(context.database))
    if (std::any_of(plan.keys.begin(), plan.keys.end(), [&](const auto& key) {
          return may_hold(keys::policy_of(context.database, key), standby);
        }))
      plan.standbys.push_back(standby);
  if (standbys_only && plan.standbys.empty())
    throw Error(Errc::kNotFound,
                "there is no standby for this release: none that the keys' policies name is "
                "admitted yet");
  std::vector<Member> everybody = plan.members;
  everybody.insert(everybody.end(), plan.standbys.begin(), plan.standbys.end());
  if (policy.exports().wrapped) plan.suite = choose_suite(*context.token, policy, everybody);
  for (const keys::StoredKey& key : plan.keys)
    (void)release_permit(context, plan, key, keys::policy_of(context.database, key));
  plan.stray_trusted = stray_trusted_keys(context);
  return plan;
}

std::int64_t release(keys::Context& context, const Mailbox& mailbox, const ReleasePlan& plan,
                     const std::function<void(hsm::Role)>& log_in) {
  store::Operation operation = context.journal.begin("key release", subject_of(plan));
  const std::int64_t number = std::stoll(
      operation.step("number", [&] { return std::to_string(take_number(context, plan)); }));
  std::optional<keys::DocumentSigner> signer;  // once the user is logged in
  operation.step("wrap", [&]() -> std::string {
    if (is_stored(context.database, number)) return "stored before";
    std::vector<policy::Policy> policies;
    std::string rules;
    for (const keys::StoredKey& key : plan.keys) {
      policies.push_back(keys::policy_of(context.database, key));
      policy::Permit allowed = release_permit(context, plan, key, policies.back());
      allowed.require(policy::Action::kRelease, key.name.str());
      rules += (rules.empty() ? "" : "; ") + allowed.rule();
    }
    keys::record(
        context, "key release", subject_of(plan), rules, &operation, [&]() -> json::object {
          const Wrapped wrapped = wrap_all(context, plan, log_in);
          signer.emplace(context);
          std::vector<Envelope> envelopes;
          std::vector<json::object> documents;
          json::array recipients;
          const std::vector<Recipient> all = recipients_of(plan);
          for (std::size_t m = 0; m < all.size(); ++m) {
            recipients.emplace_back(all[m].member.name.str());
            for (std::size_t k = 0; k < wrapped.keys.size(); ++k) {
              if (is_standby(all[m].pool) && !may_hold(policies[k], all[m].member)) continue;
              Bytes blob = wrapped.oaep[m];
              blob.insert(blob.end(), wrapped.keys[k].kwp.begin(), wrapped.keys[k].kwp.end());
              Envelope envelope = envelope_for(plan, all[m], *wrapped.keys[k].key, policies[k],
                                               number, std::move(blob));
              documents.push_back(to_json(envelope));
              envelopes.push_back(std::move(envelope));
            }
          }
          store_release(context, plan, number, envelopes,
                        signer->sign_all(home::oid::kEnvelope, documents));
          return {{"release", number},
                  {"suite", std::string(word(plan.suite))},
                  {"recipients", std::move(recipients)},
                  {"private_key_wraps", static_cast<std::int64_t>(wrapped.keys.size())}};
        });
    return "done";
  });
  if (!signer) {
    log_in(hsm::Role::kUser);
    signer.emplace(context);
  }
  operation.step("post", [&]() -> std::string {
    // A member that joined after the wrapping was interrupted waits for the next release.
    post_envelopes(context, mailbox, plan.pool, plan.members, plan.keys);
    post_envelopes(context, mailbox, standby_pool(), plan.standbys, plan.keys);
    return "done";
  });
  post_statements(context, *signer, mailbox, plan.pool, plan.members, operation);
  inform_standbys(context, mailbox);
  // Before the end: a run that cannot leave its record is run again, without another ceremony.
  operation.step("checkpoint", [&]() -> std::string {
    keys::checkpoint_origin(context);
    return "done";
  });
  operation.finish();
  return number;
}

}  // namespace poolkey::pool
