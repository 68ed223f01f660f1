// Requests from the topology: named, linted, approved, signed in the token, stored; one or many.
// May touch: requests and below. Called by: cli, for `request create`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "crypto/csr.h"
#include "requests/lint/lint.h"
#include "requests/repository.h"

namespace poolkey::requests {

/// True if both lists hold the same names, in any order.
bool same_names(std::vector<std::string> a, std::vector<std::string> b);

/// States the usages that certificates under `policy` have, as requests ask for and the CA issues.
void state_usages(const policy::Policy& policy, policy::Facts& facts);

/// A person's word that a request is to be signed in spite of what the linter finds.
struct Override {
  std::vector<Profile> profiles;
  std::string reason;
};

struct CreateOptions {
  PoolName pool;
  Role role = Role::kEdgeExternal;
  KeyVersion key;
  std::optional<MemberName> server{};  ///< for a role of which each server has its own
  std::string ca{};                    ///< the topology's name of a CA; empty: the role's
  std::string organization{};          ///< left out where empty
  std::optional<Override> override_lint{};
  std::string actor{};  ///< who asks, in the request's history; empty: the context's
  /// Of the access policy, by which somebody asks over the network; those of one call of
  /// create_requests() have one actor and one rule, which the audit log gets.
  std::string access_rule{};
};

struct CreatedRequest {
  std::string id;
  std::string ca;
  RequestedNames names;
  std::string subject;
  Bytes csr;  ///< DER
  std::vector<std::pair<Profile, Finding>> findings;
};

/// Names come from the topology that the pool was defined with. Each request is linted before it is
/// signed: a finding of severity error under a profile that its policy asks for means that none is
/// signed (kDenied, naming all of them), unless it is overridden by a person whom the policy names;
/// refused ones are kept as `linted`, with their findings. Many are one operation, with one intent
/// and one outcome in the audit log, which has the Merkle root over the requests' DER in their
/// order. Run again for the same pool, role, server, key and CA it gives the request that was made,
/// unless the topology asks for other names now.
std::vector<CreatedRequest> create_requests(keys::Context& context,
                                            std::span<const CreateOptions> options,
                                            crypto::SelfCheck check = {});
/// The same for one, its signature checked whatever its kind.
CreatedRequest create_request(keys::Context& context, const CreateOptions& options);

}  // namespace poolkey::requests
