// A request from the topology: named, linted, allowed, signed in the token, stored.
// May touch: requests and below. Called by: app, for `request create`.
#pragma once

#include <string>
#include <vector>

#include "keys/context.h"
#include "keys/repository.h"
#include "requests/lint/lint.h"
#include "requests/names.h"

namespace poolkey::requests {

/// The topology that a pool was defined by. Throws kNotFound.
Topology topology_of(store::Database& database, const PoolName& pool);

/// True if both lists hold the same names, in any order.
bool same_names(std::vector<std::string> a, std::vector<std::string> b);

/// States the usages that certificates under `policy` have, as requests ask for and the CA issues.
void state_usages(const policy::Policy& policy, policy::Facts& facts);

struct CreateOptions {
  PoolName pool;
  Role role = Role::kEdgeExternal;
  KeyVersion key;
  CaKind ca = CaKind::kInternal;
  std::string organization{};  ///< left out where empty
};

struct CreatedRequest {
  std::string id;
  RequestedNames names;
  std::string subject;
  Bytes csr;  ///< DER
  std::vector<std::pair<Profile, Finding>> findings;
};

/// Names come from the topology that the pool was defined with. The request is signed through our
/// provider; a finding of severity error under a profile that the policy asks for means that it is
/// refused (kDenied) and not kept. Run again for the same pool, role, key and CA it gives the
/// request that was made, unless the topology asks for other names now.
CreatedRequest create_request(keys::Context& context, const CreateOptions& options);

/// A stored request. Throws kNotFound.
struct StoredRequest {
  std::string id;
  PoolName pool;
  KeyVersion key;
  Role role;
  Bytes csr;
};
StoredRequest find_request(store::Database& database, const std::string& id);

}  // namespace poolkey::requests
