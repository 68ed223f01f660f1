// Rules that hold a request against the Edge pool it is for; without a pool none applies.
#include <algorithm>
#include <array>

#include "requests/fqdn.h"
#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;

bool is_for(const LintInput& in, Role role) {
  return in.subject.edge && in.subject.edge->role == role;
}

bool has_san(const LintInput& in, std::string_view name) {
  return std::ranges::any_of(in.csr.sans.dns,
                             [&](const std::string& san) { return lower_case(san) == name; });
}

Offences missing(const LintInput& in, const std::vector<std::string>& names) {
  Offences out;
  for (const std::string& name : names)
    if (!has_san(in, name)) out.push_back(name);
  return out;
}

Offences other_common_name(const LintInput& in, std::string_view wanted) {
  Offences out;
  for (const std::string& name : in.csr.common_names)
    if (lower_case(name) != wanted) out.push_back(name);
  return out;
}

Offences external_cn(const LintInput& in) {
  if (!is_for(in, Role::kEdgeExternal)) return {};
  return other_common_name(in, in.subject.edge->services.access.value);
}

Offences internal_cn(const LintInput& in) {
  if (!is_for(in, Role::kEdgeInternal)) return {};
  return other_common_name(in, in.subject.edge->services.internal.value);
}

/// The names that the topology asks for, apart from the XMPP ones, which weigh less.
Offences names_missing(const LintInput& in) {
  if (!is_for(in, Role::kEdgeExternal)) return {};
  EdgeServices services = in.subject.edge->services;
  services.xmpp.clear();
  return missing(in, names_for(services, Role::kEdgeExternal).dns_sans());
}

Offences xmpp_missing(const LintInput& in) {
  if (!is_for(in, Role::kEdgeExternal)) return {};
  std::vector<std::string> names;
  for (const HostName& name : in.subject.edge->services.xmpp) names.push_back(name.value);
  return missing(in, names);
}

bool is_wanted(const LintInput& in, const std::string& name) {
  const EdgeContext& edge = *in.subject.edge;
  const std::vector<std::string> wanted =
      names_for(edge.services, edge.role, CaKind::kPublic).dns_sans();
  return std::ranges::find(wanted, name) != wanted.end();
}

Offences av_present(const LintInput& in) {
  if (!is_for(in, Role::kEdgeExternal)) return {};
  const std::string& av = in.subject.edge->services.av.value;
  return has_san(in, av) && !is_wanted(in, av) ? Offences{av} : Offences{};
}

Offences unknown_name(const LintInput& in) {
  Offences out;
  if (!in.subject.edge) return out;
  for (const std::string& san : in.csr.sans.dns) {
    const std::string name = lower_case(san);
    if (name != in.subject.edge->services.av.value && !is_wanted(in, name)) out.push_back(san);
  }
  return out;
}

constexpr std::array kRules{
    Rule{"edge.cn-external", kOff, kWarn, kWarn, "the common name is not the Access Edge FQDN",
         "write the Access Edge FQDN as the common name", "requirements topic", external_cn},
    Rule{"edge.cn-internal", kOff, kError, kError,
         "the common name is not the pool's internal FQDN",
         "write the internal FQDN as the common name", "requirements topic", internal_cn},
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

}  // namespace poolkey::requests
