#include "keys/repository.h"

#include <memory>

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/memo.h"

namespace poolkey::keys {
namespace {

constexpr std::string_view kKeyColumns =
    "key_name, version, pool, policy_sha256, spki, cka_id, state, created_at";

store::Params named(const KeyVersion& key) {
  return {{"name", key.key.str()}, {"version", std::int64_t{key.version}}};
}

StoredKey read_key(const store::Row& row) {
  const auto pool = row.optional_text("pool");
  return {{KeyName(row.text("key_name")), static_cast<std::uint32_t>(row.integer("version"))},
          pool ? std::optional(PoolName(*pool)) : std::nullopt,
          row.text("policy_sha256"),
          crypto::PublicKey::from_spki_der(from_base64(row.text("spki"))),
          from_hex(row.text("cka_id")),
          row.text("state"),
          parse_rfc3339(row.text("created_at"))};
}

/// Of several certificates, one that this origin's CA revoked comes last.
constexpr std::string_view kCertificates =
    "SELECT c.request_id AS request_id, c.key_name AS key_name, c.version AS version, c.pem AS pem,"
    " c.chain_pem AS chain_pem, CASE WHEN i.state IN ('held', 'revoked') THEN 1 ELSE 0 END AS "
    "revoked"
    " FROM certificate c LEFT JOIN ca_certificate i ON i.sha256 = c.sha256 ";

std::string certificates(std::string_view rest) {
  std::string out(kCertificates);
  return out += rest;
}

/// The newest first.
std::vector<store::Row> certificate_rows(store::Database& database, const KeyVersion& key,
                                         const char* limit = "") {
  std::string rest = "WHERE c.key_name = :name AND c.version = :version";
  rest += " ORDER BY revoked, c.not_after DESC, c.created_at DESC";
  return database.rows(certificates(rest += limit), named(key));
}

StoredCertificate read_certificate(const store::Row& row) {
  const std::string chain = row.text("chain_pem");
  return {crypto::Certificate::from_pem(row.text("pem")),
          chain.empty() ? std::vector<crypto::Certificate>{}
                        : crypto::Certificate::list_from_pem(chain),
          {KeyName(row.text("key_name")), static_cast<std::uint32_t>(row.integer("version"))},
          row.optional_text("request_id").value_or("")};
}

}  // namespace

void insert_key(store::Database& database, const StoredKey& key) {
  store::Params params = named(key.name);
  params.emplace_back("pool", key.pool ? store::Param(key.pool->str()) : store::Param(nullptr));
  params.emplace_back("policy", key.policy_sha256);
  params.emplace_back("algorithm", key.public_key.algorithm());
  params.emplace_back("spki", base64(key.public_key.spki_der()));
  params.emplace_back("spki_sha256", hex(key.public_key.spki_sha256()));
  params.emplace_back("id", hex(key.id));
  params.emplace_back("state", key.state);
  params.emplace_back("created", rfc3339(key.created));
  database.run(
      "INSERT INTO key_version (key_name, version, pool, policy_sha256, algorithm, spki,"
      " spki_sha256, cka_id, state, created_at) VALUES (:name, :version, :pool, :policy,"
      " :algorithm, :spki, :spki_sha256, :id, :state, :created)",
      params);
}

std::optional<StoredKey> find_key(store::Database& database, const KeyVersion& name) {
  const auto row =
      database.row("SELECT " + std::string(kKeyColumns) +
                       " FROM key_version WHERE key_name = :name AND version = :version",
                   named(name));
  if (!row) return std::nullopt;
  return read_key(*row);
}

StoredKey key(store::Database& database, const KeyVersion& name) {
  if (auto found = find_key(database, name)) return std::move(*found);
  const std::uint32_t newest = newest_version(database, name.key);
  throw Error(Errc::kNotFound,
              "there is no key version " + name.str() +
                  (newest == 0 ? "; 'poolkey key list' shows the keys there are"
                               : "; the newest is " + KeyVersion{name.key, newest}.str()));
}

std::vector<StoredKey> keys_of_pool(store::Database& database, const PoolName& pool) {
  std::vector<StoredKey> out;
  for (const store::Row& row :
       database.rows("SELECT " + std::string(kKeyColumns) +
                         " FROM key_version WHERE pool = :pool ORDER BY key_name, version",
                     {{"pool", pool.str()}}))
    out.push_back(read_key(row));
  return out;
}

std::vector<KeyVersion> versions_of(store::Database& database, const KeyName& name) {
  std::vector<KeyVersion> out;
  for (const store::Row& row :
       database.rows("SELECT version FROM key_version WHERE key_name = :name ORDER BY version",
                     {{"name", name.str()}}))
    out.push_back({name, static_cast<std::uint32_t>(row.integer("version"))});
  return out;
}

std::uint32_t newest_version(store::Database& database, const KeyName& name) {
  const auto row =
      database.row("SELECT MAX(version) AS newest FROM key_version WHERE key_name = :name",
                   {{"name", name.str()}});
  return row && !row->is_null("newest") ? static_cast<std::uint32_t>(row->integer("newest")) : 0;
}

void set_key_state(store::Database& database, const KeyVersion& name, const std::string& state) {
  store::Params params = named(name);
  params.emplace_back("state", state);
  database.run(
      "UPDATE key_version SET state = :state WHERE key_name = :name AND version = :version",
      params);
}

std::string store_policy(store::Database& database, const policy::Policy& policy) {
  const std::string digest = hex(crypto::sha256(view(policy.text())));
  database.run(
      "INSERT INTO policy_text (sha256, name, text) VALUES (:sha256, :name, :text)"
      " ON CONFLICT (sha256) DO NOTHING",
      {{"sha256", digest}, {"name", policy.file()}, {"text", policy.text()}});
  return digest;
}

std::vector<PolicyText> policy_texts(store::Database& database) {
  std::vector<PolicyText> out;
  for (const store::Row& row :
       database.rows("SELECT sha256, name, text FROM policy_text ORDER BY sha256"))
    out.push_back({row.text("sha256"), row.text("name"), row.text("text")});
  return out;
}

policy::Policy policy_of(store::Database& database, const StoredKey& key) {
  const auto row = database.row("SELECT name, text FROM policy_text WHERE sha256 = :sha256",
                                {{"sha256", key.policy_sha256}});
  if (!row) throw Error(Errc::kCorrupt, "the policy of " + key.name.str() + " is not on record");
  const std::string text = row->text("text");
  if (hex(crypto::sha256(view(text))) != key.policy_sha256)
    throw Error(Errc::kCorrupt, "the recorded policy of " + key.name.str() +
                                    " is not the one it was made under; restore the database");
  static crypto::Memo<std::shared_ptr<const policy::Policy>> known;
  const std::string named = row->text("name") + "\n" + text;
  return *known.get(view(named), [&] {
    return std::make_shared<const policy::Policy>(policy::parse_policy(text, row->text("name")));
  });
}

void insert_certificate(store::Database& database, const StoredCertificate& stored, Time now) {
  std::string chain;
  for (const crypto::Certificate& c : stored.chain) chain += c.pem();
  store::Params params = named(stored.key);
  params.emplace_back("sha256", hex(stored.certificate.sha256()));
  params.emplace_back(
      "request", stored.request.empty() ? store::Param(nullptr) : store::Param(stored.request));
  params.emplace_back("serial", stored.certificate.serial());
  params.emplace_back("not_before", rfc3339(stored.certificate.not_before()));
  params.emplace_back("not_after", rfc3339(stored.certificate.not_after()));
  params.emplace_back("pem", stored.certificate.pem());
  params.emplace_back("chain", chain);
  params.emplace_back("now", rfc3339(now));
  database.run(
      "INSERT INTO certificate (sha256, request_id, key_name, version, serial, not_before,"
      " not_after, pem, chain_pem, state, created_at) VALUES (:sha256, :request, :name, :version,"
      " :serial, :not_before, :not_after, :pem, :chain, 'accepted', :now)"
      " ON CONFLICT (sha256) DO NOTHING",
      params);
}

std::optional<StoredCertificate> certificate_of(store::Database& database, const KeyVersion& key) {
  const auto rows = certificate_rows(database, key, " LIMIT 1");
  if (rows.empty()) return std::nullopt;
  return read_certificate(rows.front());
}

std::vector<StoredCertificate> certificates_of(store::Database& database, const KeyVersion& key) {
  std::vector<StoredCertificate> out;
  for (const store::Row& row : certificate_rows(database, key))
    out.push_back(read_certificate(row));
  return out;
}

std::optional<StoredCertificate> certificate_of_request(store::Database& database,
                                                        const std::string& request) {
  const auto rows =
      database.rows(certificates("WHERE c.request_id = :request"
                                 " ORDER BY revoked, c.created_at DESC, c.not_after DESC LIMIT 1"),
                    {{"request", request}});
  if (rows.empty()) return std::nullopt;
  return read_certificate(rows.front());
}

std::optional<std::string> setting(store::Database& database, const std::string& name) {
  const auto row = database.row("SELECT value FROM setting WHERE name = :name", {{"name", name}});
  if (!row) return std::nullopt;
  return row->text("value");
}

void set_setting(store::Database& database, const std::string& name, const std::string& value) {
  database.run(
      "INSERT INTO setting (name, value) VALUES (:name, :value)"
      " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      {{"name", name}, {"value", value}});
}

}  // namespace poolkey::keys
