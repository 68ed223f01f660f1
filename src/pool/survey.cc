#include "pool/survey.h"

#include "crypto/digest.h"
#include "home/oids.h"
#include "keys/force.h"
#include "pool/recipient.h"
#include "pool/registry.h"
#include "pool/statement.h"

namespace poolkey::pool {
namespace {

std::string attestation_setting(const PoolName& pool) { return "attestation." + pool.str(); }

std::string newest_proof(store::Database& database, const PoolName& pool, const MemberName& member,
                         const KeyVersion& key) {
  const auto row = database.row(
      "SELECT MAX(received_at) AS newest FROM receipt WHERE pool = :pool AND member = :member AND"
      " key_name = :name AND version = :version AND state = 'present'",
      {{"pool", pool.str()},
       {"member", member.str()},
       {"name", key.key.str()},
       {"version", std::int64_t{key.version}}});
  return row && !row->is_null("newest") ? row->text("newest") : "";
}

json::object attested_receipt(store::Database& database, const PoolName& pool,
                              const Observation& o) {
  json::object out = to_json(o.receipt->document);
  out["member"] = o.member.name.str();
  out["token_serial"] = o.member.token_serial;
  out["key"] = o.key.str();
  out["challenge"] = hex(o.receipt->receipt.nonce);
  out["challenge_document"] =
      base64(newest_challenge(database, pool, o.member.name).value().document);
  out["received_at"] = o.receipt->received_at;
  return out;
}

json::object attestation(store::Database& database, const PoolName& pool, Time now,
                         const std::vector<Observation>& observations) {
  json::array keys, members_json, receipts;
  for (const keys::StoredKey& key : keys::keys_of_pool(database, pool))
    if (key.state != "generated" && !keys::is_over(key))
      keys.emplace_back(json::object{{"key", key.name.str()},
                                     {"algorithm", key.public_key.algorithm()},
                                     {"spki_sha256", hex(key.public_key.spki_sha256())},
                                     {"spki", base64(key.public_key.spki_der())},
                                     {"policy_sha256", key.policy_sha256}});
  for (const Member& m : members(database, pool))
    members_json.emplace_back(
        json::object{{"member", m.name.str()},
                     {"token_label", m.token_label},
                     {"token_serial", m.token_serial},
                     {"identity_spki", base64(m.identity->spki_der())},
                     {"enrolment_fingerprint", m.fingerprint},
                     {"attributes_not_told", joined(m.token.not_kept)},
                     {"protections_not_enforced", joined(m.token.not_enforced)},
                     {"keys_in", m.token.software ? "software" : "token"}});
  for (const Observation& o : observations)
    receipts.emplace_back(attested_receipt(database, pool, o));
  return {{"context", "poolkey attestation v1"},
          {"pool", pool.str()},
          {"attested_at", rfc3339(now)},
          {"root_sha256", hex(keys::origin_root(database).sha256())},
          {"keys", std::move(keys)},
          {"members", std::move(members_json)},
          {"receipts", std::move(receipts)}};
}

/// Which receipts an attestation is about.
std::string digest_of(const std::vector<Observation>& observations) {
  std::string text;
  for (const Observation& o : observations)
    text += o.member.name.str() + " " + o.key.str() + " " + hex(o.receipt->receipt.nonce) + "\n";
  return hex(crypto::sha256(view(text)));
}

void store_attestation(store::Database& database, const PoolName& pool, ByteView cms,
                       const std::vector<Observation>& observations) {
  store::Transaction transaction(database);
  for (const Observation& o : observations) keys::set_key_state(database, o.key, "proven");
  keys::set_setting(database, attestation_setting(pool), base64(cms));
  transaction.commit();
}

}  // namespace

std::string_view name(Holding holding) noexcept {
  switch (holding) {
    case Holding::kPresent:
      return "present";
    case Holding::kAbsent:
      return "absent";
    case Holding::kUnknown:
      return "unknown";
  }
  return "unknown";
}

Observation observe(store::Database& database, const PoolName& pool, const Member& m,
                    const KeyVersion& key) {
  Observation out{.member = m, .key = key};
  out.proved_at = newest_proof(database, pool, m.name, key);
  if (!m.enrolled) {
    out.waiting_for = "enrolment";
    return out;
  }
  const auto asked = newest_challenge(database, pool, m.name);
  if (!asked) {
    out.waiting_for = "a challenge";
    return out;
  }
  if (!asked->answered_at) {
    out.waiting_for = "an answer to the challenge of " + asked->issued_at;
    return out;
  }
  out.receipt = find_receipt(database, pool, m.name, key, asked->nonce);
  if (!out.receipt) {
    out.waiting_for = "a challenge about this version";
    return out;
  }
  out.holding = out.receipt->receipt.present ? Holding::kPresent : Holding::kAbsent;
  return out;
}

std::vector<Observation> survey(store::Database& database, const PoolName& pool) {
  std::vector<Observation> out;
  const std::vector<keys::StoredKey> keys = keys_for(database, pool);
  for (const Member& m : members(database, pool))
    for (const keys::StoredKey& key : keys)
      if (!keys::is_over(key) && is_released_to(database, pool, m.name, key))
        out.push_back(observe(database, pool, m, key.name));
  return out;
}

Bytes attest(keys::Context& context, const Mailbox& mailbox, const PoolName& pool) {
  store::Database& database = context.database;
  if (is_standby(pool))
    throw Error(Errc::kInvalidArgument,
                "an attestation is about a pool that a topology defines; 'poolkey status' shows "
                "what the standbys have proven");
  const std::vector<Observation> observations = survey(database, pool);
  std::string missing;
  for (const Observation& o : observations)
    if (o.holding != Holding::kPresent)
      missing += "\n  " + o.member.name.str() + ", " + o.key.str() + ": " +
                 std::string(name(o.holding)) +
                 (o.waiting_for.empty() ? "" : " (waits for " + o.waiting_for + ")");
  if (observations.empty()) missing = "\n  no key version was released yet";
  if (!missing.empty())
    throw Error(Errc::kConflict,
                "pool '" + pool.str() + "' cannot be attested; not proven yet:" + missing);
  store::Operation operation =
      context.journal.begin("pool attest", pool.str(), digest_of(observations));
  const keys::DocumentSigner signer(context);
  operation.step("attest", [&]() -> std::string {
    keys::record(context, "pool attest", pool.str(), "", &operation, [&]() -> json::object {
      const Bytes cms = signer.sign(home::oid::kAttestation,
                                    attestation(database, pool, context.clock.now(), observations));
      store_attestation(database, pool, cms, observations);
      return {{"receipts", static_cast<std::int64_t>(observations.size())}};
    });
    return "done";
  });
  // Always, and not only where the version in force has changed: a run that died before this would
  // otherwise leave the members with the old one for good.
  post_statements(context, signer, mailbox, pool, members(database, pool), operation);
  inform_standbys(context, mailbox);
  operation.finish();
  return newest_attestation(database, pool);
}

Bytes newest_attestation(store::Database& database, const PoolName& pool) {
  const auto stored = keys::setting(database, attestation_setting(pool));
  if (!stored)
    throw Error(Errc::kNotFound,
                "pool '" + pool.str() + "' was never attested; run 'poolkey pool attest'");
  return from_base64(*stored);
}

namespace {

void queue_again(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                 const Observation& lost) {
  const std::string subject = pool.str() + "/" + lost.member.name.str();
  store::Operation operation = context.journal.begin("pool reconcile", subject, lost.key.str());
  operation.step("post", [&]() -> std::string {
    keys::record(context, "pool reconcile", subject, "", &operation, [&]() -> json::object {
      post_envelope(context, mailbox, pool, lost.member, lost.key);
      return {{"key", lost.key.str()}};
    });
    return "done";
  });
  operation.finish();
}

}  // namespace

std::vector<Repair> reconcile(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                              bool dry_run) {
  std::vector<Repair> out;
  for (const Observation& o : survey(context.database, pool)) {
    if (o.holding != Holding::kAbsent) continue;
    if (!dry_run) queue_again(context, mailbox, pool, o);
    out.push_back({o.member.name, o.key});
  }
  return out;
}

}  // namespace poolkey::pool
