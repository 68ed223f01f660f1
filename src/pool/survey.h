// What every member holds, as far as is known, and what follows: attestation, re-delivery.
// May touch: keys and below. Called by: app, for `status`, `pool attest|reconcile|report`.
#pragma once

#include <string>
#include <vector>

#include "keys/origin.h"
#include "pool/mailbox.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// Unknown is an answer of its own: a member that does not answer has lost nothing yet.
enum class Holding { kPresent, kAbsent, kUnknown };
std::string_view name(Holding holding) noexcept;

/// One member and one key version, by the answer to the newest challenge.
struct Observation {
  Member member;
  KeyVersion key;
  Holding holding = Holding::kUnknown;
  std::string proved_at{};    ///< of the newest proof that the member ever gave; empty: never
  std::string waiting_for{};  ///< why it is unknown
  std::optional<StoredReceipt> receipt{};
};

/// Every member for every released version of the pool that is not retired; reads the database,
/// opens no token.
std::vector<Observation> survey(store::Database& database, const PoolName& pool);

/// One member and one version, whatever the version's state.
Observation observe(store::Database& database, const PoolName& pool, const Member& member,
                    const KeyVersion& key);

/// The CMS-signed attestation of the whole pool: every member's receipt and challenge for every
/// released version. Marks the versions as proven, and posts a statement to every member, for
/// the version in force may have changed. Throws kConflict naming the members that have not proven
/// possession.
Bytes attest(keys::Context& context, const Mailbox& mailbox, const PoolName& pool);
/// The newest attestation. Throws kNotFound.
Bytes newest_attestation(store::Database& database, const PoolName& pool);

struct Repair {
  MemberName member;
  KeyVersion key;
};
/// Queues the stored envelope again for every member that reported a key version absent. Unknown
/// members are left alone. With `dry_run` only says what it would do.
std::vector<Repair> reconcile(keys::Context& context, const Mailbox& mailbox, const PoolName& pool,
                              bool dry_run);

}  // namespace poolkey::pool
