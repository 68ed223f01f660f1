// Who receives keys: the members of a pool, and the origin's standbys, which form a pool of their
// own. May touch: keys/repository, policy. Called by: release, statement, deliver, prove, survey.
#pragma once

#include "base/attribute.h"
#include "keys/repository.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// The name of the pool that an origin's standbys form; no topology may define it. A standby is
/// enrolled, challenged and answered like a member; it is told of the keys of every pool.
const PoolName& standby_pool();
bool is_standby(const PoolName& pool);

/// The standbys that are enrolled; none where no standby was ever admitted.
std::vector<Member> standbys(store::Database& database);

/// What a recipient's token holds of a key under this policy.
AttributeSet held_private(const policy::Policy& policy, const PoolName& pool);
AttributeSet held_public(const policy::Policy& policy, const PoolName& pool);

/// The key versions that members of this pool may hold: its own, or for standbys those of every
/// pool. By name and version.
std::vector<keys::StoredKey> keys_for(store::Database& database, const PoolName& pool);

/// True if the pool's members were ever meant to hold this version; for a standby, if an envelope
/// was made for one.
bool is_released_to(store::Database& database, const PoolName& pool, const MemberName& member,
                    const keys::StoredKey& key);

}  // namespace poolkey::pool
