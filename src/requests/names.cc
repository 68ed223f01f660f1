#include "requests/names.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace poolkey::requests {
namespace {

struct RoleRow {
  Role role;
  std::string_view name;
};
constexpr std::array kRoles{RoleRow{Role::kEdgeExternal, "edge-external"},
                            RoleRow{Role::kEdgeInternal, "edge-internal"}};

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

std::string_view name(Role role) { return std::ranges::find(kRoles, role, &RoleRow::role)->name; }

Role parse_role(std::string_view text) {
  std::string known;
  for (const RoleRow& row : kRoles) {
    if (row.name == text) return row.role;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(text) + "' is no certificate role; there are " + known);
}

std::vector<std::string> RequestedNames::dns_sans() const {
  std::vector<std::string> out;
  for (const RequestedName& san : sans) out.push_back(san.name);
  return out;
}

RequestedNames names_for(const EdgeServices& edge, Role role, CaKind ca) {
  return role == Role::kEdgeExternal ? external(edge) : internal(edge, ca);
}

RequestedNames names_for(const Topology& topology, const PoolName& pool, Role role, CaKind ca) {
  return std::visit([&](const auto& services) { return names_for(services, role, ca); },
                    topology.pool(pool).services);
}

}  // namespace poolkey::requests
