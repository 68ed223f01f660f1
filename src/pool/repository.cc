#include "pool/repository.h"

#include <iterator>
#include <set>
#include <sstream>

#include "base/error.h"
#include "crypto/digest.h"
#include "pool/recipient.h"

namespace poolkey::pool {
namespace {

std::vector<std::string> split(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

Member read_member(const store::Row& row) {
  Member out{.name = MemberName(row.text("name"))};
  out.enrolled = row.text("state") == "enrolled" || row.text("state") == "evicted";
  if (!out.enrolled) return out;
  out.token_label = row.text("token_label");
  out.token_serial = row.text("token_serial");
  out.identity = crypto::PublicKey::from_record(from_base64(row.text("identity_spki")));
  out.transport = crypto::PublicKey::from_record(from_base64(row.text("transport_spki")));
  out.fingerprint = row.text("fingerprint");
  out.token = {split(row.text("suites")), split(row.text("not_told")),
               split(row.text("not_enforced")), row.optional_text("keys_in") == "software"};
  return out;
}

store::Params one_member(const PoolName& pool, const MemberName& member) {
  return {{"pool", pool.str()}, {"member", member.str()}};
}

store::Params with_key(store::Params params, const KeyVersion& key) {
  params.emplace_back("name", key.key.str());
  params.emplace_back("version", std::int64_t{key.version});
  return params;
}

/// The releases that are the newest of this key version to some member.
std::set<std::int64_t> newest_numbers(store::Database& database, const PoolName& pool,
                                      const KeyVersion& key) {
  std::set<std::int64_t> out;
  for (const store::Row& row : database.rows(
           "SELECT MAX(number) AS newest FROM envelope WHERE pool = :pool AND key_name = :name AND"
           " version = :version GROUP BY member",
           with_key({{"pool", pool.str()}}, key)))
    out.insert(row.integer("newest"));
  return out;
}

template <class T>
std::string listed(const std::vector<T>& names) {
  std::string out;
  for (const T& n : names) out += (out.empty() ? "" : ", ") + n.str();
  return out.empty() ? "none" : out;
}

}  // namespace

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

bool define_pool(store::Database& database, const PoolName& pool, const Topology& topology,
                 const std::vector<MemberName>& names, Time now) {
  if (is_standby(pool))
    throw Error(Errc::kInvalidArgument, "a pool cannot be called '" + pool.str() +
                                            "': that is the pool of the origin's standbys");
  store::Transaction transaction(database);
  const std::string digest = hex(crypto::sha256(view(topology.text)));
  const auto before =
      database.row("SELECT topology_sha256 FROM pool WHERE name = :name", {{"name", pool.str()}});
  database.run(
      "INSERT INTO pool (name, topology_file, topology_text, topology_sha256, created_at)"
      " VALUES (:name, :file, :text, :sha256, :now) ON CONFLICT (name) DO UPDATE SET"
      " topology_file = excluded.topology_file, topology_text = excluded.topology_text, "
      "topology_sha256 = excluded.topology_sha256",
      {{"name", pool.str()},
       {"file", topology.file},
       {"text", topology.text},
       {"sha256", digest},
       {"now", rfc3339(now)}});
  // Who is no longer in the topology receives nothing more; its rows stay as a record, and count
  // again if it comes back.
  database.run(
      "UPDATE member SET state = 'left, enrolled' WHERE pool = :pool AND state = 'enrolled'",
      {{"pool", pool.str()}});
  database.run("UPDATE member SET state = 'left' WHERE pool = :pool AND state = 'expected'",
               {{"pool", pool.str()}});
  for (const MemberName& name : names)
    database.run(
        "INSERT INTO member (pool, name, state) VALUES (:pool, :member, 'expected')"
        " ON CONFLICT (pool, name) DO UPDATE SET state = CASE member.state"
        " WHEN 'left, enrolled' THEN 'enrolled' ELSE 'expected' END",
        one_member(pool, name));
  transaction.commit();
  return !before || before->text("topology_sha256") != digest;
}

Topology topology_of(store::Database& database, const PoolName& pool) {
  const auto row = database.row("SELECT topology_file, topology_text FROM pool WHERE name = :name",
                                {{"name", pool.str()}});
  if (!row)
    throw Error(Errc::kNotFound, "there is no pool '" + pool.str() +
                                     "' (pools: " + listed(pools(database)) +
                                     "); define it with 'poolkey pool define TOPOLOGY'");
  return {row->text("topology_file"), row->text("topology_text")};
}

std::vector<PoolName> pools(store::Database& database) {
  std::vector<PoolName> out;
  for (const store::Row& row : database.rows("SELECT name FROM pool ORDER BY name"))
    out.emplace_back(row.text("name"));
  return out;
}

namespace {

// States of members, as SQL has them.
constexpr const char* kPresent = "'expected', 'enrolled'";
constexpr const char* kFormer = "'evicted'";

/// `more` goes on after the condition.
std::vector<Member> members_where(store::Database& database, const std::string& states,
                                  const std::string& more, const store::Params& params) {
  std::vector<Member> out;
  for (const store::Row& row : database.rows(
           "SELECT name, state, token_label, token_serial, identity_spki, transport_spki,"
           " fingerprint, suites, not_told, not_enforced, keys_in FROM member WHERE pool = :pool "
           "AND state IN (" +
               states + ")" + more,
           params))
    out.push_back(read_member(row));
  return out;
}

std::vector<Member> members_in(store::Database& database, const PoolName& pool,
                               const std::string& states) {
  return members_where(database, states, " ORDER BY name", {{"pool", pool.str()}});
}

}  // namespace

std::vector<Member> members(store::Database& database, const PoolName& pool) {
  (void)topology_of(database, pool);  // says so if there is no such pool
  return members_in(database, pool, kPresent);
}

std::vector<Member> former_members(store::Database& database, const PoolName& pool) {
  return members_in(database, pool, kFormer);
}

namespace {

Member member_in(store::Database& database, const PoolName& pool, const MemberName& name,
                 const std::string& states) {
  auto found = members_where(database, states, " AND name = :member", one_member(pool, name));
  if (!found.empty()) return std::move(found.front());
  std::vector<MemberName> known;
  for (const Member& m : members(database, pool)) known.push_back(m.name);
  throw Error(Errc::kNotFound, "pool '" + pool.str() + "' has no member '" + name.str() +
                                   "' (members: " + listed(known) + ")");
}

}  // namespace

Member member(store::Database& database, const PoolName& pool, const MemberName& name) {
  return member_in(database, pool, name, kPresent);
}

Member member_or_former(store::Database& database, const PoolName& pool, const MemberName& name) {
  return member_in(database, pool, name, std::string(kPresent) + ", " + kFormer);
}

void set_enrolled(store::Database& database, const PoolName& pool, const Member& m, Time now) {
  store::Params params = one_member(pool, m.name);
  params.emplace_back("label", m.token_label);
  params.emplace_back("serial", m.token_serial);
  params.emplace_back("identity", base64(m.identity.value().spki_der()));
  params.emplace_back("transport", base64(m.transport.value().spki_der()));
  params.emplace_back("fingerprint", m.fingerprint);
  params.emplace_back("suites", joined(m.token.suites));
  params.emplace_back("not_told", joined(m.token.not_kept));
  params.emplace_back("not_enforced", joined(m.token.not_enforced));
  params.emplace_back("keys_in", std::string(m.token.software ? "software" : "token"));
  params.emplace_back("now", rfc3339(now));
  database.run(
      "UPDATE member SET state = 'enrolled', token_label = :label, token_serial = :serial,"
      " identity_spki = :identity, transport_spki = :transport, fingerprint = :fingerprint,"
      " suites = :suites, not_told = :not_told, not_enforced = :not_enforced,"
      " keys_in = :keys_in,"
      " enrolled_at = :now WHERE pool = :pool AND name = :member",
      params);
}

Address address_of(const PoolName& pool, const Member& m) { return {pool, m.name, m.token_serial}; }

std::optional<StoredEnvelope> newest_envelope(store::Database& database, const PoolName& pool,
                                              const MemberName& member, const KeyVersion& key) {
  const auto rows = database.rows(
      "SELECT number, cms FROM envelope WHERE pool = :pool AND member = :member"
      " AND key_name = :name AND version = :version ORDER BY number DESC LIMIT 1",
      with_key(one_member(pool, member), key));
  if (rows.empty()) return std::nullopt;
  return StoredEnvelope{rows.front().integer("number"), from_base64(rows.front().text("cms"))};
}

std::vector<MemberEnvelope> newest_envelopes(store::Database& database, const PoolName& pool,
                                             const KeyVersion& key) {
  // Oldest first, so that the newest stays.
  std::map<MemberName, StoredEnvelope> newest;
  const std::set<std::int64_t> numbers = newest_numbers(database, pool, key);
  for (const std::int64_t number : numbers)
    for (const store::Row& row : database.rows(
             "SELECT member, cms FROM envelope WHERE number = :number AND key_name = :name AND"
             " version = :version AND pool = :pool",
             with_key({{"number", number}, {"pool", pool.str()}}, key)))
      newest.insert_or_assign(MemberName(row.text("member")),
                              StoredEnvelope{number, from_base64(row.text("cms"))});
  std::vector<MemberEnvelope> out;
  for (auto& [member, envelope] : newest) out.push_back({member, std::move(envelope)});
  return out;
}

ReleaseNumbers newest_releases(store::Database& database, const PoolName& pool,
                               const std::optional<MemberName>& only) {
  ReleaseNumbers out;
  for (const store::Row& row :
       database.rows("SELECT member, key_name, version, MAX(number) AS newest FROM envelope"
                     " WHERE pool = :pool" +
                         std::string(only ? " AND member = :member" : "") +
                         " GROUP BY member, key_name, version",
                     only ? one_member(pool, *only) : store::Params{{"pool", pool.str()}}))
    out.emplace(std::pair(MemberName(row.text("member")),
                          KeyVersion{KeyName(row.text("key_name")),
                                     static_cast<std::uint32_t>(row.integer("version"))}),
                row.integer("newest"));
  return out;
}

void mark_queued(store::Database& database, const PoolName& pool, const MemberName& member,
                 const KeyVersion& key, std::int64_t release, Time now) {
  store::Params params = with_key(one_member(pool, member), key);
  params.emplace_back("release", release);
  params.emplace_back("now", rfc3339(now));
  database.run(
      "UPDATE envelope SET state = 'queued', queued_at = :now WHERE pool = :pool AND"
      " member = :member AND key_name = :name AND version = :version AND number = :release",
      params);
}

std::optional<StoredChallenge> newest_challenge(store::Database& database, const PoolName& pool,
                                                const MemberName& member) {
  const auto rows = database.rows(
      "SELECT nonce, document, issued_at, answered_at FROM challenge WHERE pool = :pool AND"
      " member = :member ORDER BY number DESC LIMIT 1",
      one_member(pool, member));
  if (rows.empty()) return std::nullopt;
  return StoredChallenge{from_hex(rows.front().text("nonce")),
                         from_base64(rows.front().text("document")), rows.front().text("issued_at"),
                         rows.front().optional_text("answered_at")};
}

void forget_open_challenges(store::Database& database, const PoolName& pool,
                            const MemberName& member) {
  database.run(
      "DELETE FROM challenge WHERE pool = :pool AND member = :member AND answered_at IS NULL",
      one_member(pool, member));
}

std::optional<StoredReceipt> find_receipt(store::Database& database, const PoolName& pool,
                                          const MemberName& member, const KeyVersion& key,
                                          ByteView nonce) {
  store::Params params = with_key(one_member(pool, member), key);
  params.emplace_back("nonce", hex(nonce));
  const auto row = database.row(
      "SELECT document, received_at FROM receipt WHERE pool = :pool AND member = :member AND"
      " key_name = :name AND version = :version AND nonce = :nonce",
      params);
  if (!row) return std::nullopt;
  std::vector<SignedReceipt> documents = signed_receipts(row->text("document"));
  if (documents.size() != 1) throw Error(Errc::kCorrupt, "a stored receipt is damaged");
  Receipt read = receipt(documents.front().statement.statement);
  return StoredReceipt{std::move(documents.front()), std::move(read), row->text("received_at")};
}

}  // namespace poolkey::pool
