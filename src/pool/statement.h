// What the origin posts to one member: envelopes as they were stored, and the signed statement of
// what the member should hold. May touch: keys and below. Called by: release, attest, reconcile.
#pragma once

#include "keys/origin.h"
#include "pool/mailbox.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// Puts the newest envelope of a key version into the member's mailbox. Throws kNotFound if the
/// version was never released to this member.
void post_envelope(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                   const Member& member, const KeyVersion& key);

/// The same for many members and keys; a version that was never released to a member is left out.
void post_envelopes(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                    const std::vector<Member>& members, const std::vector<keys::StoredKey>& keys);

/// Signs what each of these members should hold, with its next sequence number, and posts it: the
/// steps "statements" and "post statements" of an operation. In force is, for each key name, the
/// newest version that the whole pool has proven, else the oldest released one.
void post_statements(keys::Context& context, const keys::DocumentSigner& signer,
                     const Mailbox& mailbox, const PoolName& pool,
                     const std::vector<Member>& members, store::Operation& operation);

/// The version in force of each key of a pool.
std::vector<KeyVersion> in_force(store::Database& database, const PoolName& pool);

}  // namespace poolkey::pool
