#include "pool/statement.h"

#include <functional>
#include <map>
#include <set>

#include "home/oids.h"
#include "keys/force.h"
#include "keys/number.h"
#include "pool/recipient.h"

namespace poolkey::pool {
namespace {

std::vector<std::string> usages_of(const policy::Policy& policy) {
  std::vector<std::string> out;
  for (const auto& usage : policy.key().usages.value) out.emplace_back(word(usage.value));
  return out;
}

std::filesystem::path envelope_file(const Mailbox& mailbox, const PoolName& pool,
                                    const MemberName& member, const KeyVersion& key) {
  return mailbox.to_member(pool, member, "envelope." + key.str() + ".cms");
}

/// Why a retired version is destroyed at once, or only after its successor was in force for long.
std::string retirement(store::Database& database, const KeyVersion& key) {
  const auto row =
      database.row("SELECT number FROM exposure WHERE key_name = :name AND version = :version",
                   {{"name", key.key.str()}, {"version", std::int64_t{key.version}}});
  return row ? "compromised" : "superseded";
}

/// What a statement says of each version of the pool's keys; the number of the release is filled in
/// for each member.
std::vector<Statement::Version> released_versions(store::Database& database, const PoolName& pool,
                                                  const ReleaseNumbers& numbers, Time now) {
  std::set<KeyVersion> released;
  for (const auto& [whom, number] : numbers) released.insert(whom.second);
  const std::vector<KeyVersion> current = in_force(database, pool, now);
  std::vector<Statement::Version> out;
  for (const keys::StoredKey& key : keys_for(database, pool))
    if (released.contains(key.name)) {
      const policy::Policy policy = keys::policy_of(database, key);
      const std::string retired = key.state == "retired" ? retirement(database, key.name) : "";
      out.push_back({key.name, 0, key.public_key, key.id, key.policy_sha256,
                     retired.empty() ? usages_of(policy) : std::vector<std::string>{},
                     std::find(current.begin(), current.end(), key.name) != current.end(),
                     policy.file(), std::nullopt, retired});
      for (const keys::InForce& set : keys::force_of(database, key.name.key))
        if (set.key == key.name) out.back().effective = set.since;
    }
  return out;
}

std::map<MemberName, std::int64_t> newest_sequences(store::Database& database,
                                                    const PoolName& pool) {
  std::map<MemberName, std::int64_t> out;
  for (const store::Row& row :
       database.rows("SELECT member, MAX(sequence) AS newest FROM statement WHERE pool = :pool"
                     " GROUP BY member",
                     {{"pool", pool.str()}}))
    out.emplace(MemberName(row.text("member")), row.integer("newest"));
  return out;
}

/// What each of these members should hold, with its next sequence number.
std::vector<Statement> next_statements(store::Database& database, const PoolName& pool,
                                       const std::vector<Member>& members, Time now) {
  const ReleaseNumbers released = newest_releases(database, pool);
  const std::vector<Statement::Version> versions = released_versions(database, pool, released, now);
  const std::map<MemberName, std::int64_t> sequences = newest_sequences(database, pool);
  std::vector<Statement> out;
  for (const Member& m : members) {
    const auto last = sequences.find(m.name);
    Statement statement{address_of(pool, m),
                        m.token_label,
                        keys::next_number(database, keys::Counter::kStatement,
                                          last == sequences.end() ? 0 : last->second),
                        {}};
    for (Statement::Version version : versions) {
      const auto number = released.find({m.name, version.key});
      if (number == released.end()) continue;
      version.release = number->second;
      statement.versions.push_back(std::move(version));
    }
    out.push_back(std::move(statement));
  }
  return out;
}

/// All or none: a number is never given to two statements.
void store_statements(store::Database& database, const PoolName& pool,
                      const std::vector<Statement>& statements, const std::vector<Bytes>& cms) {
  store::Transaction transaction(database);
  for (std::size_t i = 0; i < statements.size(); ++i)
    database.run(
        "INSERT INTO statement (pool, member, sequence, cms)"
        " VALUES (:pool, :member, :sequence, :cms)",
        {{"pool", pool.str()},
         {"member", statements[i].member.member.str()},
         {"sequence", statements[i].sequence},
         {"cms", base64(cms[i])}});
  transaction.commit();
}

/// The newest statement of each of these members.
std::vector<Mail> newest_statements(store::Database& database, const Mailbox& mailbox,
                                    const PoolName& pool, const std::vector<Member>& members) {
  std::vector<Mail> out;
  const std::map<MemberName, std::int64_t> sequences = newest_sequences(database, pool);
  for (const Member& m : members) {
    const auto newest = sequences.find(m.name);
    if (newest == sequences.end()) continue;
    const auto row = database.row(
        "SELECT cms FROM statement WHERE pool = :pool AND member = :member AND sequence = "
        ":sequence",
        {{"pool", pool.str()}, {"member", m.name.str()}, {"sequence", newest->second}});
    out.push_back(
        {mailbox.to_member(pool, m.name, "statement.cms"), from_base64(row.value().text("cms"))});
  }
  return out;
}

}  // namespace

std::vector<KeyVersion> in_force(store::Database& database, const PoolName& pool, Time now) {
  std::map<KeyName, std::vector<keys::StoredKey>> versions;
  for (keys::StoredKey& key : keys_for(database, pool))
    versions[key.name.key].push_back(std::move(key));
  std::vector<KeyVersion> out;
  for (const auto& [name, all] : versions)
    if (const auto chosen = keys::in_force(database, all, now)) out.push_back(*chosen);
  return out;
}

void post_envelope(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                   const Member& member, const KeyVersion& key) {
  const auto stored = newest_envelope(context.database, pool, member.name, key);
  if (!stored)
    throw Error(Errc::kNotFound, key.str() + " was never released to member '" + member.name.str() +
                                     "'; release it with 'poolkey key release'");
  mailbox.put(envelope_file(mailbox, pool, member.name, key), stored->cms);
  mark_queued(context.database, pool, member.name, key, stored->release, context.clock.now());
}

void post_envelopes(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                    const std::vector<Member>& members, const std::vector<keys::StoredKey>& keys) {
  std::set<MemberName> wanted;
  for (const Member& m : members) wanted.insert(m.name);
  std::vector<Mail> mail;
  std::vector<std::function<void()>> marks;
  for (const keys::StoredKey& key : keys)
    for (MemberEnvelope& e : newest_envelopes(context.database, pool, key.name)) {
      if (!wanted.contains(e.member)) continue;
      mail.push_back({envelope_file(mailbox, pool, e.member, key.name), std::move(e.envelope.cms)});
      marks.emplace_back(
          [&context, &pool, member = e.member, name = key.name, release = e.envelope.release] {
            mark_queued(context.database, pool, member, name, release, context.clock.now());
          });
    }
  mailbox.put(mail);
  store::Transaction transaction(context.database);
  for (const auto& mark : marks) mark();
  transaction.commit();
}

namespace {

void post(keys::Context& context, const keys::DocumentSigner& signer, const Mailbox& mailbox,
          const PoolName& pool, const std::vector<Member>& members, store::Operation& operation,
          const std::function<void(Statement&)>& change) {
  operation.step("statements", [&]() -> std::string {
    std::vector<Statement> statements =
        next_statements(context.database, pool, members, context.clock.now());
    std::vector<json::object> documents;
    for (Statement& statement : statements) {
      if (change) change(statement);
      documents.push_back(to_json(statement));
    }
    store_statements(context.database, pool, statements,
                     signer.sign_all(home::oid::kStatement, documents));
    return "done";
  });
  // The newest that is stored, which is what counts, whoever signed it.
  operation.step("post statements", [&]() -> std::string {
    mailbox.put(newest_statements(context.database, mailbox, pool, members));
    return "done";
  });
}

}  // namespace

void post_statements(keys::Context& context, const keys::DocumentSigner& signer,
                     const Mailbox& mailbox, const PoolName& pool,
                     const std::vector<Member>& members, store::Operation& operation) {
  post(context, signer, mailbox, pool, members, operation, {});
}

void post_last_statement(keys::Context& context, const keys::DocumentSigner& signer,
                         const Mailbox& mailbox, const PoolName& pool, const Member& member,
                         store::Operation& operation) {
  post(context, signer, mailbox, pool, {member}, operation, [](Statement& statement) {
    for (Statement::Version& version : statement.versions) {
      version.in_force = false;
      version.effective.reset();
      version.usages.clear();
      version.retired = "evicted";
    }
  });
}

}  // namespace poolkey::pool
