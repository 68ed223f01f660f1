// Keys, their versions, and the policies that they were made under.
#include "app/view.h"
#include "pool/statement.h"
#include "service/handlers.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;

std::vector<KeyVersion> in_force(Call& call, const PoolName& pool) {
  return pool::in_force(call.side.database(), pool, call.context().clock.now());
}

/// `current`: what is in force in its pool.
json::object key_json(const keys::StoredKey& key, const std::vector<KeyVersion>& current) {
  json::object out = app::key_view(key);
  out["pool"] = key.pool.value().str();
  out["in_force"] = std::ranges::find(current, key.name) != current.end();
  out["generated"] = rfc3339(key.created);
  return out;
}

Response list_keys(Call& call) {
  std::vector<Entry> entries;
  for (const PoolName& pool : pool::pools(call.side.database())) {
    if (!may(call, AccessAction::kKeyRead, {.pool = pool.str()})) continue;
    const auto current = in_force(call, pool);
    for (const keys::StoredKey& key : keys::keys_of_pool(call.side.database(), pool))
      entries.push_back({key.name.str(), key_json(key, current)});
  }
  return list_response(call, "keys", std::move(entries));
}

/// Keys of the origin's own are nobody's business here.
keys::StoredKey pool_key(Call& call) {
  const KeyVersion name = parse_key_version(call.parameter("key"));
  const auto key = keys::find_key(call.side.database(), name);
  if (!key || !key->pool) throw Error(Errc::kNotFound, "there is no pool key '" + name.str() + "'");
  authorize(call, AccessAction::kKeyRead, {.pool = key->pool->str()});
  return *key;
}

Response show_key(Call& call) {
  const keys::StoredKey key = pool_key(call);
  json::object out = key_json(key, in_force(call, *key.pool));
  out["public_key"] = key.public_key.pem();
  return tagged_response(call.request, out);
}

Response list_policies(Call& call) {
  std::vector<Entry> entries;
  for (const keys::PolicyText& p : keys::policy_texts(call.side.database()))
    entries.push_back({p.sha256, {{"sha256", p.sha256}, {"name", p.name}}});
  return list_response(call, "policies", std::move(entries));
}

Response show_policy(Call& call) {
  for (const keys::PolicyText& p : keys::policy_texts(call.side.database()))
    if (p.sha256 == call.parameter("sha256"))
      return tagged_response(
          call.request, json::object{{"sha256", p.sha256}, {"name", p.name}, {"text", p.text}});
  throw Error(Errc::kNotFound, "no key was made under such a policy");
}

}  // namespace

std::span<const Route> key_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/keys",
       .action = AccessAction::kKeyRead,
       .summary = "Versions of the pools' keys",
       .query = "after limit",
       .answer = "KeyList",
       .handle = list_keys},
      {.method = "GET",
       .path = "/v1/keys/{key}",
       .action = AccessAction::kKeyRead,
       .summary = "One version, NAME@N, with its public key",
       .answer = "Key",
       .handle = show_key},
      {.method = "GET",
       .path = "/v1/policies",
       .action = AccessAction::kPolicyRead,
       .summary = "The policies that keys were made under",
       .query = "after limit",
       .answer = "PolicyList",
       .handle = list_policies},
      {.method = "GET",
       .path = "/v1/policies/{sha256}",
       .action = AccessAction::kPolicyRead,
       .summary = "A policy as it was written",
       .answer = "Policy",
       .handle = show_policy},
  };
  return routes;
}

}  // namespace poolkey::service
