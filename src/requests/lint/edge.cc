// Rules that hold a request against the pool it is for; without a pool none applies.
#include <algorithm>
#include <array>

#include "requests/fqdn.h"
#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;

bool is_for(const LintInput& in, Role role) {
  return in.subject.pool && in.subject.pool->role == role;
}

bool is_among(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::any_of(names,
                             [&](const std::string& one) { return lower_case(one) == name; });
}

Offences missing(const LintInput& in, const std::vector<std::string>& names) {
  Offences out;
  for (const std::string& name : names)
    if (!is_among(in.content.sans.dns, name)) out.push_back(name);
  return out;
}

Offences other_common_name(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.content.common_names)
    if (lower_case(name) != in.subject.pool->common_name) out.push_back(name);
  return out;
}

Offences external_cn(const LintInput& in) {
  return is_for(in, Role::kEdgeExternal) ? other_common_name(in) : Offences{};
}

Offences internal_cn(const LintInput& in) {
  return is_for(in, Role::kEdgeInternal) ? other_common_name(in) : Offences{};
}

Offences server_cn(const LintInput& in) {
  if (!in.subject.pool || is_for(in, Role::kEdgeExternal) || is_for(in, Role::kEdgeInternal))
    return {};
  return other_common_name(in);
}

Offences names_missing(const LintInput& in) {
  return in.subject.pool ? missing(in, in.subject.pool->names) : Offences{};
}

Offences xmpp_missing(const LintInput& in) {
  return in.subject.pool ? missing(in, in.subject.pool->lesser) : Offences{};
}

bool is_wanted(const PoolContext& pool, const std::string& name) {
  return is_among(pool.names, name) || is_among(pool.lesser, name) || name == pool.common_name;
}

Offences av_present(const LintInput& in) {
  if (!is_for(in, Role::kEdgeExternal)) return {};
  const std::string& av = in.subject.pool->av;
  return is_among(in.content.sans.dns, av) && !is_wanted(*in.subject.pool, av) ? Offences{av}
                                                                               : Offences{};
}

Offences unknown_name(const LintInput& in) {
  Offences out;
  if (!in.subject.pool) return out;
  for (const std::string& san : in.content.sans.dns) {
    const std::string name = lower_case(san);
    if (name != in.subject.pool->av && !is_wanted(*in.subject.pool, name)) out.push_back(san);
  }
  return out;
}

constexpr std::array kRules{
    Rule{"edge.cn-external", kOff, kWarn, kWarn, "the common name is not the Access Edge FQDN",
         "write the Access Edge FQDN as the common name", "requirements topic", external_cn},
    Rule{"edge.cn-internal", kOff, kError, kError,
         "the common name is not the pool's internal FQDN",
         "write the internal FQDN as the common name", "requirements topic", internal_cn},
    Rule{"server.cn", kOff, kWarn, kWarn, "the common name is not the one that the topology gives",
         "let poolkey build the request", "certificate summaries", server_cn},
    Rule{"edge.name-missing", kOff, kError, kError, "the SAN lacks a name that the pool serves",
         "add it; clients or partners connect by it", "requirements topic", names_missing},
    Rule{"edge.xmpp-missing", kOff, kWarn, kWarn, "the SAN lacks an XMPP name of the topology",
         "add it, or remove it from the topology", "XMPP topics", xmpp_missing},
    Rule{"edge.av-name", kOff, kInfo, kInfo, "the SAN has the A/V Edge FQDN, which nothing reads",
         "leave it out", "requirements topic", av_present},
    Rule{"edge.name-unknown", kOff, kWarn, kWarn, "the SAN has a name that the topology does not",
         "remove it, or add it to the topology", "least privilege", unknown_name},
};

}  // namespace

std::span<const Rule> edge_rules() { return kRules; }

PoolContext pool_context(const Topology& topology, const PoolName& pool, Role role, CaKind ca,
                         const std::optional<MemberName>& server) {
  return pool_context(names_for(topology, pool, role, ca, server), topology.pool(pool), role);
}

PoolContext pool_context(const RequestedNames& names, const Pool& pool, Role role) {
  PoolContext out{.role = role, .common_name = names.common_name.name};
  out.names = names.dns_sans();
  const auto* edge = std::get_if<EdgeServices>(&pool.services);
  if (edge == nullptr) return out;
  out.av = edge->av.value;
  for (const HostName& name : edge->xmpp)
    if (std::erase(out.names, name.value) != 0) out.lesser.push_back(name.value);
  return out;
}

}  // namespace poolkey::requests
