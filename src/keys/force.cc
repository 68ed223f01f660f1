#include "keys/force.h"

namespace poolkey::keys {
namespace {

store::Params params_of(const KeyVersion& key) {
  return {{"name", key.key.str()}, {"version", std::int64_t{key.version}}};
}

}  // namespace

std::vector<InForce> force_of(store::Database& database, const KeyName& name) {
  std::vector<InForce> out;
  for (const store::Row& row :
       database.rows("SELECT version, since FROM key_force WHERE key_name = :name"
                     " ORDER BY since, version",
                     {{"name", name.str()}}))
    out.push_back({{name, static_cast<std::uint32_t>(row.integer("version"))},
                   parse_rfc3339(row.text("since"))});
  return out;
}

void set_in_force(store::Database& database, const KeyVersion& key, Time since) {
  store::Params params = params_of(key);
  params.emplace_back("since", rfc3339(since));
  database.run(
      "INSERT INTO key_force (key_name, version, since) VALUES (:name, :version, :since)"
      " ON CONFLICT (key_name, version) DO UPDATE SET since = excluded.since",
      params);
}

void clear_in_force(store::Database& database, const KeyVersion& key) {
  database.run("DELETE FROM key_force WHERE key_name = :name AND version = :version",
               params_of(key));
}

bool is_over(const StoredKey& key) { return key.state == "retired" || key.state == "destroyed"; }

std::vector<StoredKey> versions_of(store::Database& database, const PoolName& pool,
                                   const KeyName& name) {
  std::vector<StoredKey> out = keys_of_pool(database, pool);
  std::erase_if(out, [&](const StoredKey& key) { return key.name.key != name; });
  return out;
}

std::optional<KeyVersion> in_force(store::Database& database,
                                   const std::vector<StoredKey>& versions, Time now) {
  if (versions.empty()) return std::nullopt;
  std::optional<KeyVersion> out;
  for (const StoredKey& key : versions)
    if (!out && key.state != "generated" && !is_over(key)) out = key.name;
  for (const InForce& set : force_of(database, versions.front().name.key))
    if (set.since <= now) out = set.key;
  return out;
}

}  // namespace poolkey::keys
