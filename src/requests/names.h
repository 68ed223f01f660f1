// The names of a certificate, derived from the topology, and why each is there.
// May touch: base only (pure). Called by: lint, accept, app.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "requests/topology.h"

namespace poolkey::requests {

/// What a certificate is for.
enum class Role { kEdgeExternal, kEdgeInternal };
/// "edge-external", "edge-internal"
std::string_view name(Role role);
/// Throws kInvalidArgument listing the roles.
Role parse_role(std::string_view text);

/// A public CA must repeat the common name in the SAN (BR 7.1.4.3).
enum class CaKind { kInternal, kPublic };

/// A name, the rule that asks for it, and where the topology has what the rule read.
struct RequestedName {
  std::string name;
  std::string rule;
  std::string source;  ///< "edge-pool.toml:9:1"
};

struct RequestedNames {
  RequestedName common_name;
  std::vector<RequestedName> sans;  ///< each name once, in the order of the rules
  std::vector<std::string> dns_sans() const;
};

/// Edge external: CN = Access Edge FQDN; SAN = {Access, Web Conferencing} and sip.<d> of each SIP
/// domain (with automatic configuration or federation) and the XMPP names; never the A/V FQDN.
/// Edge internal: CN = internal FQDN and no SAN. Throws kNotFound for an unknown pool.
RequestedNames names_for(const Topology& topology, const PoolName& pool, Role role,
                         CaKind ca = CaKind::kInternal);
/// The same from an Edge pool's own table.
RequestedNames names_for(const EdgeServices& edge, Role role, CaKind ca = CaKind::kInternal);

}  // namespace poolkey::requests
