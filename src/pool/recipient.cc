#include "pool/recipient.h"

#include <algorithm>

#include "home/config.h"
#include "policy/attributes.h"

namespace poolkey::pool {

const PoolName& standby_pool() {
  static const auto& name = *new PoolName(home::kStandbyPool);
  return name;
}

bool is_standby(const PoolName& pool) { return pool == standby_pool(); }

std::vector<Member> standbys(store::Database& database) {
  const std::vector<PoolName> known = pools(database);
  if (std::find(known.begin(), known.end(), standby_pool()) == known.end()) return {};
  std::vector<Member> out = members(database, standby_pool());
  std::erase_if(out, [](const Member& m) { return !m.enrolled; });
  return out;
}

AttributeSet held_private(const policy::Policy& policy, const PoolName& pool) {
  return is_standby(pool) ? policy::standby_private(policy) : policy::replica_private(policy);
}

AttributeSet held_public(const policy::Policy& policy, const PoolName& pool) {
  return is_standby(pool) ? policy::standby_public(policy) : policy::replica_public(policy);
}

std::vector<keys::StoredKey> keys_for(store::Database& database, const PoolName& pool) {
  if (!is_standby(pool)) return keys::keys_of_pool(database, pool);
  std::vector<keys::StoredKey> out;
  for (const PoolName& other : pools(database))
    for (keys::StoredKey& key : keys::keys_of_pool(database, other)) out.push_back(std::move(key));
  return out;
}

bool is_released_to(store::Database& database, const PoolName& pool, const MemberName& member,
                    const keys::StoredKey& key) {
  if (!is_standby(pool)) return key.state != "generated";
  return newest_envelope(database, pool, member, key.name).has_value();
}

}  // namespace poolkey::pool
