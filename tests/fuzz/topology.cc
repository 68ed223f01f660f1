#include "requests/topology.h"

#include "fuzz/target.h"
#include "requests/fqdn.h"
#include "requests/names.h"

namespace poolkey::fuzz {
namespace {

using namespace requests;

void check_name(const HostName& name) {
  require(name.value == lower_case(name.value), "names are in lower case");
  require(is_wildcard(name.value) || !fqdn_fault(name.value), "names are fully qualified");
}

void check_pool(const Topology& topology, const Pool& pool) {
  require(pool.members.size() >= 2 && pool.members.size() <= 20, "a pool has 2 to 20 members");
  require(topology.pool(pool.name).name == pool.name, "a pool is found by its name");
  const auto* edge = std::get_if<EdgeServices>(&pool.services);
  if (edge == nullptr) return;
  for (const HostName* name : {&edge->internal, &edge->access, &edge->web_conferencing, &edge->av})
    check_name(*name);
  for (const HostName& name : edge->sip_domains) check_name(name);
  for (const HostName& name : edge->xmpp) check_name(name);
  const RequestedNames names = names_for(topology, pool.name, Role::kEdgeExternal);
  require(names.common_name.name == edge->access.value, "the Access Edge FQDN is the common name");
  require(!names.sans.empty(), "the external certificate has names");
}

}  // namespace

void topology(ByteView octets) {
  accepted([&] {
    const Topology read = parse_topology(text_of(octets), "topology.toml");
    require(!read.pools.empty(), "a topology has a pool");
    for (const Pool& pool : read.pools) check_pool(read, pool);
  });
}

}  // namespace poolkey::fuzz
