// A site's topology as its administrator writes it: pools, members, and the names they serve.
// May touch: base only (pure). Called by: names, lint, app.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/toml.h"

namespace poolkey::requests {

enum class Product { kLync2013, kSfb2015, kSfb2019, kSfbSe };
/// "lync-2013", "sfb-2015", "sfb-2019", "sfb-se"
std::string_view name(Product product);

/// A host name in lower case, and where the file has it.
using HostName = toml::Located<std::string>;

/// The names of an Edge pool. A member has none of its own in any certificate.
struct EdgeServices {
  HostName internal;          ///< internal FQDN of the pool, or of the load balancer's VIP
  HostName access;            ///< Access Edge, external
  HostName web_conferencing;  ///< Web Conferencing Edge, external
  HostName av;                ///< A/V Edge, external; in DNS, not in a certificate
  std::vector<HostName> sip_domains;
  std::vector<HostName> xmpp;      ///< as the administrator lists them; may be wildcards
  bool auto_configuration = true;  ///< clients find the pool through sip.<domain>
  bool federation = true;
};

/// What kind of pool it is. A reverse proxy, Directors and Front Ends join as further alternatives,
/// each with its kind in the file and its roles in names.h.
using Services = std::variant<EdgeServices>;

struct Pool {
  PoolName name;
  std::vector<MemberName> members;  ///< 2 to 20, in file order
  Services services;
  toml::Location where;
};

struct Topology {
  Product product = Product::kLync2013;
  std::vector<Pool> pools;
  std::vector<toml::Fault> warnings;  ///< allowed, but unsupported or likely a mistake

  /// Throws kNotFound naming the pools there are.
  const Pool& pool(const PoolName& name) const;
};

/// Reads topology format version 1 (tests/data/edge-pool.toml shows every key). Throws
/// kInvalidArgument with all faults of the file in one report.
Topology parse_topology(std::string_view text, const std::string& file);

/// True if `edge` is one label and then the SIP domain, as federation with the cloud wants the
/// Edge's name ("sip.contoso.com" for contoso.com; Skype connectivity topic).
bool is_federation_name(std::string_view sip_domain, std::string_view edge);

}  // namespace poolkey::requests
