// The names of a certificate, derived from the topology, and why each is there.
// May touch: base only (pure). Called by: lint, accept, app.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/words.h"
#include "requests/topology.h"

namespace poolkey::requests {

using policy::CaKind;
using policy::Role;

/// The roles whose names a topology gives: "edge-external", "edge-internal".
/// Throws kInvalidArgument listing them.
Role parse_role(std::string_view text);

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
/// Edge internal: CN = internal FQDN and no SAN, or the name again for a public CA (BR 7.1.4.3).
/// Throws kNotFound for an unknown pool, kInvalidArgument for a role of another kind of pool.
RequestedNames names_for(const Topology& topology, const PoolName& pool, Role role,
                         CaKind ca = CaKind::kInternal);
/// The same from an Edge pool's own table.
RequestedNames names_for(const EdgeServices& edge, Role role, CaKind ca = CaKind::kInternal);

}  // namespace poolkey::requests
