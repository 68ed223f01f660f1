// The end of a version at a member: its replica, certificates and files are destroyed, because the
// origin's statement says so and the policy lets it. May touch: keys and below. Called by: app, for
// `member sync`.
#pragma once

#include <string>
#include <vector>

#include "pool/member_side.h"

namespace poolkey::pool {

struct Retired {
  KeyVersion key;
  bool destroyed = false;             ///< now; false: it was gone, or `kept` says why it is not
  std::string kept{};                 ///< by policy
  std::vector<std::string> in_use{};  ///< processes that still sign with a copy
};

/// Destroys what the statement held names as retired. May be called again; of what is gone nothing
/// is said unless some process still has a copy.
std::vector<Retired> destroy_retired(MemberSide& side);

}  // namespace poolkey::pool
