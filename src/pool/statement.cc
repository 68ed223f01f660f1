#include "pool/statement.h"

#include <map>

#include "keys/number.h"
#include "keys/oids.h"
#include "pool/recipient.h"

namespace poolkey::pool {
namespace {

std::vector<std::string> usages_of(const policy::Policy& policy) {
  std::vector<std::string> out;
  for (const auto& usage : policy.key().usages.value) out.emplace_back(word(usage.value));
  return out;
}

Statement next_statement(store::Database& database, const PoolName& pool, const Member& member) {
  const auto newest = database.row(
      "SELECT MAX(sequence) AS newest FROM statement WHERE pool = :pool AND member = :member",
      {{"pool", pool.str()}, {"member", member.name.str()}});
  Statement out{address_of(pool, member),
                member.token_label,
                keys::next_number(database, keys::Counter::kStatement,
                                  newest->is_null("newest") ? 0 : newest->integer("newest")),
                {}};
  const std::vector<KeyVersion> current = in_force(database, pool);
  for (const keys::StoredKey& key : keys_for(database, pool)) {
    const auto envelope = newest_envelope(database, pool, member.name, key.name);
    if (!envelope) continue;
    out.versions.push_back({key.name, envelope->release, key.public_key, key.id, key.policy_sha256,
                            usages_of(keys::policy_of(database, key)),
                            std::find(current.begin(), current.end(), key.name) != current.end()});
  }
  return out;
}

/// All or none: a number is never given to two statements.
void store_statements(store::Database& database, const PoolName& pool,
                      const std::vector<std::pair<Statement, Bytes>>& statements) {
  store::Transaction transaction(database);
  for (const auto& [statement, cms] : statements)
    database.run(
        "INSERT INTO statement (pool, member, sequence, cms)"
        " VALUES (:pool, :member, :sequence, :cms)",
        {{"pool", pool.str()},
         {"member", statement.member.member.str()},
         {"sequence", statement.sequence},
         {"cms", base64(cms)}});
  transaction.commit();
}

std::optional<Bytes> newest_statement(store::Database& database, const PoolName& pool,
                                      const MemberName& member) {
  const auto row = database.row(
      "SELECT cms FROM statement WHERE pool = :pool AND member = :member"
      " ORDER BY sequence DESC LIMIT 1",
      {{"pool", pool.str()}, {"member", member.str()}});
  return row ? std::optional(from_base64(row->text("cms"))) : std::nullopt;
}

}  // namespace

std::vector<KeyVersion> in_force(store::Database& database, const PoolName& pool) {
  std::map<KeyName, KeyVersion> chosen;
  for (const keys::StoredKey& key : keys_for(database, pool)) {  // oldest first
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

void post_statements(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                     const std::vector<Member>& members, store::Operation& operation) {
  operation.step("statements", [&]() -> std::string {
    std::vector<std::pair<Statement, Bytes>> made;
    for (const Member& m : members) {
      Statement statement = next_statement(context.database, pool, m);
      Bytes cms = keys::sign_document(context, keys::oid::kStatement, to_json(statement));
      made.emplace_back(std::move(statement), std::move(cms));
    }
    store_statements(context.database, pool, made);
    return "done";
  });
  // The newest that is stored, which is what counts, whoever signed it.
  operation.step("post statements", [&]() -> std::string {
    for (const Member& m : members)
      if (const auto cms = newest_statement(context.database, pool, m.name))
        mailbox.put(mailbox.to_member(pool, m.name, "statement.cms"), *cms);
    return "done";
  });
}

}  // namespace poolkey::pool
