// A member leaves for good: its trust and its envelopes end, and it is told to destroy what it
// holds. May touch: keys and below. Called by: rollover.
#pragma once

#include <string>
#include <vector>

#include "keys/context.h"
#include "pool/mailbox.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// What an eviction will do; pure, and printed by --dry-run.
struct EvictionPlan {
  PoolName pool;
  Member member;
  std::vector<KeyVersion> held;  ///< released to it and not destroyed since
};
/// Throws kNotFound, kConflict for a member that was evicted or never enrolled.
EvictionPlan plan_eviction(store::Database& database, const PoolName& pool,
                           const MemberName& member);

/// Asks the member a last time what it holds, posts the order to destroy everything, then removes
/// its transport key from the origin's token, its envelopes, and it from the pool. Its keys are
/// never admitted again. The token is open and logged in as user. Bears being run again.
void evict(keys::Context& context, const Mailbox& mailbox, const EvictionPlan& plan,
           const std::string& reason);

/// Ends evictions that were killed after their work was done.
void settle_evictions(keys::Context& context, const Mailbox& mailbox);
/// Throws kDenied if a key of this member's was evicted before.
void expect_not_evicted(store::Database& database, const crypto::PublicKey& identity,
                        const crypto::PublicKey& transport);

}  // namespace poolkey::pool
