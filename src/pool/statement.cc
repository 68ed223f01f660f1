#include "pool/statement.h"

#include <map>

#include "keys/oids.h"

namespace poolkey::pool {
namespace {

std::vector<std::string> usages_of(const policy::Policy& policy) {
  std::vector<std::string> out;
  for (const auto& usage : policy.key().usages.value) out.emplace_back(word(usage.value));
  return out;
}

}  // namespace

std::vector<KeyVersion> in_force(store::Database& database, const PoolName& pool) {
  std::map<KeyName, KeyVersion> chosen;
  for (const keys::StoredKey& key : keys::keys_of_pool(database, pool)) {  // oldest first
    if (key.state == "generated") continue;
    const auto [at, first] = chosen.emplace(key.name.key, key.name);
    if (!first && key.state == "proven") at->second = key.name;
  }
  std::vector<KeyVersion> out;
  for (const auto& [name, version] : chosen) out.push_back(version);
  return out;
}

void post_envelope(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                   const Member& member, const KeyVersion& key) {
  const auto stored = newest_envelope(context.database, pool, member.name, key);
  if (!stored)
    throw Error(Errc::kNotFound, key.str() + " was never released to member '" + member.name.str() +
                                     "'; release it with 'poolkey key release'");
  mailbox.put(mailbox.to_member(pool, member.name, "envelope." + key.str() + ".cms"), stored->cms);
  mark_queued(context.database, pool, member.name, key, stored->release, context.clock.now());
}

void post_statement(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                    const Member& member) {
  store::Database& database = context.database;
  const auto newest = database.row(
      "SELECT MAX(sequence) AS newest FROM statement WHERE pool = :pool AND member = :member",
      {{"pool", pool.str()}, {"member", member.name.str()}});
  Statement statement{address_of(pool, member),
                      member.token_label,
                      newest->is_null("newest") ? 1 : newest->integer("newest") + 1,
                      {}};
  const std::vector<KeyVersion> current = in_force(database, pool);
  for (const keys::StoredKey& key : keys::keys_of_pool(database, pool)) {
    const auto envelope = newest_envelope(database, pool, member.name, key.name);
    if (!envelope) continue;
    statement.versions.push_back(
        {key.name, envelope->release, key.public_key, key.id, key.policy_sha256,
         usages_of(keys::policy_of(database, key)),
         std::find(current.begin(), current.end(), key.name) != current.end()});
  }
  const Bytes cms = keys::sign_document(context, keys::oid::kStatement, to_json(statement));
  database.run(
      "INSERT INTO statement (pool, member, sequence, cms) VALUES (:pool, :member, :sequence, "
      ":cms)",
      {{"pool", pool.str()},
       {"member", member.name.str()},
       {"sequence", statement.sequence},
       {"cms", base64(cms)}});
  mailbox.put(mailbox.to_member(pool, member.name, "statement.cms"), cms);
}

}  // namespace poolkey::pool
