// The names of a certificate, derived from the topology, and why each is there.
// May touch: base, policy's words (pure). Called by: topology, plan, lint, accept, app.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/words.h"
#include "requests/topology.h"

namespace poolkey::requests {

/// Who holds the certificate and its key.
enum class Scope {
  kPool,        ///< every member of the pool, one key
  kServer,      ///< each server its own
  kDeployment,  ///< one for all, distributed by the Central Management Store
};
/// "pool", "server", "deployment"
std::string_view name(Scope scope);

/// A certificate that pools of a kind need; one row of what domain knowledge there is.
struct CertificateKind {
  Role role;
  PoolKind pool;
  Scope scope;
  CaKind ca;                  ///< whose certificate it is unless the topology says otherwise
  std::string_view serves;    ///< for people
  std::string_view types;     ///< as Set-CsCertificate -Type has them; empty: not its business
  std::string_view policy;    ///< the shipped policy for its key; empty: the server makes it
  bool needs_server_auth;     ///< EKU serverAuth
  std::string_view key_rule;  ///< why the key is shared, or not
  std::string_view source;    ///< whose rule it is
};
std::span<const CertificateKind> certificate_kinds();
/// Throws kInvalidArgument for a role that no topology asks for.
const CertificateKind& certificate_kind(Role role);

/// True if the pool needs it: A/V Authentication may share, OAuth is one pool's.
bool needs(const Pool& pool, const CertificateKind& kind);

/// The CA that the topology gives a role of a pool, or the usual one.
const Authority& authority_for(const Topology& topology, const Pool& pool, Role role);

/// The roles whose names a topology gives. Throws kInvalidArgument listing them.
Role parse_role(std::string_view text);

/// A name, the rule that asks for it, and where the topology has what the rule read.
struct RequestedName {
  std::string name;
  std::string rule;
  std::string source;  ///< "topology.toml:9:1"
};

struct RequestedNames {
  RequestedName common_name;
  std::vector<RequestedName> sans;  ///< each name once, in the order of the rules
  std::vector<std::string> dns_sans() const;
};

/// The certificate's names under the rules of domain section 1 (names.cc has them by role). A role
/// of the scope `kServer` needs the member that it is for, unless there is only one. Where the
/// documents ask for no SAN, a public CA gets the common name in it all the same (BR 7.1.4.3).
/// Throws kNotFound for an unknown pool or member, kInvalidArgument for a role of another kind of
/// pool, and for a server that is missing, or given where the role is not one server's.
RequestedNames names_for(const Topology& topology, const PoolName& pool, Role role,
                         CaKind ca = CaKind::kInternal,
                         const std::optional<MemberName>& server = std::nullopt);

}  // namespace poolkey::requests
