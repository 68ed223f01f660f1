// What a member's agent says of itself: its clock, its version, what it could not do. Not signed
// and not proof of anything. May touch: store. Called by: the service, status.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "store/sql.h"

namespace poolkey::pool {

struct AgentReport {
  Time received{};
  Duration skew{};      ///< the member's clock less ours
  std::string agent{};  ///< its version
  std::string note{};   ///< empty: nothing is in its way
};

/// Keeps it in the place of the one before.
void keep_report(store::Database& database, const PoolName& pool, const MemberName& member,
                 const AgentReport& report);
std::optional<AgentReport> find_report(store::Database& database, const PoolName& pool,
                                       const MemberName& member);

}  // namespace poolkey::pool
