// What a standby must know to take the origin's place: a signed snapshot of the origin's records.
// May touch: keys and below. Called by: release, survey, install, enrol (posting), standby
// (reading).
#pragma once

#include "keys/origin.h"
#include "pool/member_side.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// Pools, members, key versions, policies, releases, envelopes, requests and certificates, as rows;
/// no secret, and nothing of the audit log but its head.
struct Registry {
  Address standby;
  std::int64_t sequence = 0;  ///< of the statement that it came with
  std::string made_at;
  audit::Head audit_head;  ///< of the origin's log
  json::object tables;
};

/// Posts a new statement and the registry to every enrolled standby. For every act of the origin
/// after which a standby would not know enough.
void inform_standbys(keys::Context& context, const Mailbox& mailbox);

/// The standby's side: takes the registry from the mailbox if there is one, unless it is older than
/// the one held (kConflict), and keeps it as the origin signed it.
void take_registry(MemberSide& side);
/// The registry held. Throws kNotFound.
Registry held_registry(MemberSide& side);

/// Writes the rows to this database, leaving those that are there. Within a store::Transaction.
void import_registry(store::Database& database, const Registry& registry);

}  // namespace poolkey::pool
