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
/// version whose time has come (keys/force.h). The time of each is told with it; a
/// retired one with the order to destroy it.
void post_statements(keys::Context& context, const keys::DocumentSigner& signer,
                     const Mailbox& mailbox, const PoolName& pool,
                     const std::vector<Member>& members, store::Operation& operation);

/// The same for a member that leaves: it is to destroy all that was ever released to it.
void post_last_statement(keys::Context& context, const keys::DocumentSigner& signer,
                         const Mailbox& mailbox, const PoolName& pool, const Member& member,
                         store::Operation& operation);

/// The version in force of each key of a pool.
std::vector<KeyVersion> in_force(store::Database& database, const PoolName& pool, Time now);

}  // namespace poolkey::pool
