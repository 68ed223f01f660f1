// Rules on the subject and on the names of a request.
#include <algorithm>
#include <array>
#include <set>

#include "requests/fqdn.h"
#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;

/// DNS names of the SAN and the common names, each once.
std::vector<std::string> all_names(const LintInput& in) {
  std::vector<std::string> out = in.csr.sans.dns;
  for (const std::string& name : in.csr.common_names)
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  return out;
}

template <class Predicate>
Offences names_where(const LintInput& in, Predicate bad) {
  Offences out;
  for (const std::string& name : all_names(in))
    if (bad(name)) out.push_back(name);
  return out;
}

/// A name without its wildcard, which has rules of its own.
std::string_view host_part(std::string_view name) {
  return name.starts_with("*.") ? name.substr(2) : name;
}

bool has_label(std::string_view name, bool (*bad)(std::string_view label)) {
  return std::ranges::any_of(labels(name), bad);
}

/// Its names are seldom in the public DNS.
bool is_inside(const LintInput& in) {
  return in.subject.pool && certificate_kind(in.subject.pool->role).ca == CaKind::kInternal;
}

/// As Microsoft's tables print it: "No SAN required" (internal Edge, OAuth), or a SAN without the
/// common name (external web services).
bool is_printed_so(const LintInput& in, const std::string& name) {
  return in.subject.pool && in.profile != Profile::kPublicBr &&
         std::ranges::find(in.subject.pool->names, name) == in.subject.pool->names.end() &&
         name == in.subject.pool->common_name;
}

Offences san_missing(const LintInput& in) {
  const auto& pool = in.subject.pool;
  if (pool && pool->names.empty() && is_printed_so(in, pool->common_name)) return {};
  return offence_if(in.csr.sans.dns.empty());
}

Offences cn_not_in_san(const LintInput& in) {
  Offences out;
  if (in.csr.sans.dns.empty()) return out;
  for (const std::string& name : in.csr.common_names)
    if (std::ranges::find(in.csr.sans.dns, name) == in.csr.sans.dns.end() &&
        !is_printed_so(in, name))
      out.push_back(name);
  return out;
}

Offences cn_missing(const LintInput& in) { return offence_if(in.csr.common_names.empty()); }

Offences cn_several(const LintInput& in) { return offence_if(in.csr.common_names.size() > 1); }

Offences cn_wildcard(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.csr.common_names)
    if (name.find('*') != std::string::npos) out.push_back(name);
  return out;
}

Offences cn_too_long(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.csr.common_names)
    if (name.size() > 64) out.push_back(name);
  return out;
}

Offences san_wildcard(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.csr.sans.dns)
    if (name.find('*') != std::string::npos) out.push_back(name);
  return out;
}

Offences san_repeated(const LintInput& in) {
  std::set<std::string> seen;
  Offences out;
  for (const std::string& name : in.csr.sans.dns)
    if (!seen.insert(lower_case(name)).second) out.push_back(name);
  return out;
}

Offences wildcard_misplaced(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return host_part(name).find('*') != std::string_view::npos ||
           (name.starts_with("*.") && labels(name).size() < 3);
  });
}

Offences short_name(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return !name.empty() && name.find('.') == std::string_view::npos && name != "*";
  });
}

Offences private_suffix(const LintInput& in) {
  if (in.profile == Profile::kLync && is_inside(in)) return {};
  return names_where(in, has_private_suffix);
}

Offences private_suffix_inside(const LintInput& in) {
  if (!is_inside(in)) return {};
  return names_where(in, has_private_suffix);
}

Offences underscore(const LintInput& in) {
  return names_where(
      in, [](std::string_view name) { return name.find('_') != std::string_view::npos; });
}

Offences trailing_dot(const LintInput& in) {
  return names_where(in, [](std::string_view name) { return name.ends_with('.'); });
}

/// Whatever the rules with a name of their own leave.
Offences syntax(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    const std::string_view host = host_part(name);
    if (host.find_first_of("*_") != std::string_view::npos || host.ends_with('.')) return false;
    return (host.empty() || host.find('.') != std::string_view::npos) &&
           fqdn_fault(host).has_value();
  });
}

Offences reserved_ldh(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return has_label(name, [](std::string_view label) {
      return label.size() >= 4 && label.substr(2, 2) == "--" &&
             lower_case(label.substr(0, 2)) != "xn";
    });
  });
}

Offences a_label(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return has_label(name,
                     [](std::string_view label) { return lower_case(label).starts_with("xn--"); });
  });
}

Offences san_ip(const LintInput& in) { return in.csr.sans.ip; }

Offences san_other(const LintInput& in) {
  Offences out = in.csr.sans.email;
  out.insert(out.end(), in.csr.sans.uri.begin(), in.csr.sans.uri.end());
  if (in.csr.sans.other != 0) out.push_back(std::to_string(in.csr.sans.other) + " of other kinds");
  return out;
}

Offences san_criticality(const LintInput& in) {
  return offence_if(in.csr.has_san && in.csr.san_critical != in.csr.subject.empty());
}

Offences unit(const LintInput& in) { return in.csr.organizational_units; }

constexpr std::array kRules{
    Rule{"san.missing", kError, kError, kError, "the request has no DNS name in its SAN",
         "put every name, the common name too, into the SAN", "BR 7.1.2.7.12; requirements topic",
         san_missing},
    Rule{"cn.not-in-san", kError, kError, kError,
         "the common name is not in the SAN, octet for octet",
         "add it to the SAN; TLS clients look only there", "BR 7.1.4.3; requirements topic",
         cn_not_in_san},
    Rule{"cn.missing", kOff, kWarn, kWarn, "the request has no common name",
         "write the Access Edge or internal FQDN as the common name; older peers want it",
         "requirements topic", cn_missing},
    Rule{"cn.several", kError, kError, kError, "the request has more than one common name",
         "leave one", "BR 7.1.4.3", cn_several},
    Rule{"cn.wildcard", kOff, kError, kError, "the common name is a wildcard",
         "write the FQDN itself", "wildcard topic", cn_wildcard},
    Rule{"cn.too-long", kError, kError, kError, "the common name has over 64 characters",
         "choose a shorter FQDN", "RFC 5280 appendix A.1", cn_too_long},
    Rule{"san.wildcard", kOff, kWarn, kWarn, "a SAN is a wildcard",
         "list the names; wildcards are not supported on Edge, though the XMPP tables print one",
         "Edge planning topic", san_wildcard},
    Rule{"san.repeated", kWarn, kWarn, kWarn, "a SAN is there twice", "leave one",
         "RFC 5280 4.2.1.6", san_repeated},
    Rule{"name.wildcard-misplaced", kError, kError, kError,
         "a wildcard may only be the whole leftmost label, above a domain", "write *.contoso.com",
         "BR 3.2.2.6", wildcard_misplaced},
    Rule{"name.short", kError, kError, kError, "a name has no domain", "write the FQDN",
         "BR 7.1.2.7.12; environmental requirements topic", short_name},
    Rule{"name.private-suffix", kError, kError, kWarn,
         "a name ends in a label that does not exist in the public DNS",
         "use a name under a registered domain, or an internal CA on the internal edge", "BR 4.2.2",
         private_suffix},
    Rule{"name.private-suffix-inside", kOff, kWarn, kOff,
         "an internal name ends in a label that does not exist in the public DNS",
         "have it issued by an internal CA", "BR 4.2.2", private_suffix_inside},
    Rule{"name.underscore", kError, kError, kError, "a name has an underscore",
         "rename the host: letters, digits and hyphens only",
         "BR 7.1.2.7.12; environmental requirements topic", underscore},
    Rule{"name.trailing-dot", kError, kError, kError, "a name ends in a dot", "leave the dot out",
         "BR 7.1.2.7.12", trailing_dot},
    Rule{"name.syntax", kError, kError, kError, "a name is no host name",
         "write letters, digits and hyphens, in labels of 1 to 63", "RFC 1123 2.1", syntax},
    Rule{"name.reserved-label", kError, kError, kWarn,
         "a label has hyphens in its third and fourth place", "choose another label",
         "BR 7.1.2.7.12", reserved_ldh},
    Rule{"name.idn", kOff, kWarn, kOff, "a name is internationalised",
         "use a name of plain letters; the product does not support IDN",
         "environmental requirements topic", a_label},
    Rule{"san.ip", kWarn, kError, kError, "the SAN has an address", "leave it out",
         "BR 7.1.2.7.12; no Edge rule asks for one", san_ip},
    Rule{"san.other", kError, kError, kError, "the SAN has an e-mail address, URI or other name",
         "leave DNS names only", "BR 7.1.2.7.12", san_other},
    Rule{"san.criticality", kError, kWarn, kWarn,
         "the SAN must be critical if the subject is empty, and only then",
         "let poolkey build the request", "BR 7.1.2.7.12; RFC 5280 4.2.1.6", san_criticality},
    Rule{"subject.ou", kError, kOff, kOff, "the subject has an organizational unit",
         "leave OU out for a public CA", "BR 7.1.2.7.4", unit},
};

}  // namespace

std::span<const Rule> name_rules() { return kRules; }

}  // namespace poolkey::requests
