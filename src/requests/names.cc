#include "requests/names.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace poolkey::requests {
namespace {

constexpr std::array kRoles{Role::kEdgeExternal, Role::kEdgeInternal};

/// A set: a name that two rules ask for (one FQDN for all services) stands once, by the first.
void add(std::vector<RequestedName>& sans, const std::string& name, std::string rule,
         const HostName& source) {
  if (std::ranges::find(sans, name, &RequestedName::name) == sans.end())
    sans.push_back({name, std::move(rule), source.where.str()});
}

RequestedNames external(const EdgeServices& edge) {
  RequestedNames out;
  out.common_name = {edge.access.value, "common name = Access Edge FQDN", edge.access.where.str()};
  add(out.sans, edge.access.value, "common name repeated", edge.access);
  add(out.sans, edge.web_conferencing.value, "Web Conferencing Edge FQDN", edge.web_conferencing);
  if (edge.auto_configuration || edge.federation)
    for (const HostName& domain : edge.sip_domains)
      add(out.sans, "sip." + domain.value,
          "sip.<domain> for SIP domain " + domain.value +
              (edge.auto_configuration ? " (automatic client configuration)" : " (federation)"),
          domain);
  for (const HostName& name : edge.xmpp) add(out.sans, name.value, "XMPP federation", name);
  return out;
}

RequestedNames internal(const EdgeServices& edge, CaKind ca) {
  RequestedNames out;
  out.common_name = {edge.internal.value, "common name = internal Edge FQDN",
                     edge.internal.where.str()};
  if (ca == CaKind::kPublic)
    add(out.sans, edge.internal.value, "common name repeated for a public CA", edge.internal);
  return out;
}

}  // namespace

Role parse_role(std::string_view text) {
  std::string known;
  for (const Role role : kRoles) {
    if (policy::word(role) == text) return role;
    known += (known.empty() ? "" : ", ") + std::string(policy::word(role));
  }
  throw Error(
      Errc::kInvalidArgument,
      "'" + std::string(text) + "' is no certificate role of a topology; there are " + known);
}

std::vector<std::string> RequestedNames::dns_sans() const {
  std::vector<std::string> out;
  for (const RequestedName& san : sans) out.push_back(san.name);
  return out;
}

RequestedNames names_for(const EdgeServices& edge, Role role, CaKind ca) {
  if (role == Role::kEdgeExternal) return external(edge);
  if (role == Role::kEdgeInternal) return internal(edge, ca);
  throw Error(Errc::kInvalidArgument, "an Edge pool has no certificate of the role '" +
                                          std::string(policy::word(role)) + "'");
}

RequestedNames names_for(const Topology& topology, const PoolName& pool, Role role, CaKind ca) {
  return std::visit([&](const auto& services) { return names_for(services, role, ca); },
                    topology.pool(pool).services);
}

}  // namespace poolkey::requests
