// Rules on the names that a request or certificate is for.
#include <algorithm>
#include <array>
#include <iterator>

#include "requests/a_label.h"
#include "requests/fqdn.h"
#include "requests/lint/rule.h"
#include "requests/registry.h"

namespace poolkey::requests {
namespace {

using enum Level;

template <class Predicate>
Offences names_where(const LintInput& in, Predicate bad) {
  Offences out;
  for (const std::string_view name : in.names)
    if (bad(name)) out.emplace_back(name);
  return out;
}

/// A name without its wildcard, which has rules of its own.
std::string_view host_part(std::string_view name) {
  return name.starts_with("*.") ? name.substr(2) : name;
}

bool has_label(std::string_view name, bool (*bad)(std::string_view label)) {
  while (!bad(name.substr(0, name.find('.')))) {
    if (name.find('.') == std::string_view::npos) return false;
    name.remove_prefix(name.find('.') + 1);
  }
  return true;
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
  return offence_if(in.content.sans.dns.empty());
}

Offences cn_not_in_san(const LintInput& in) {
  Offences out;
  if (in.content.sans.dns.empty()) return out;
  for (const std::string& name : in.content.common_names)
    if (!in.has_san(name) && !is_printed_so(in, name)) out.push_back(name);
  return out;
}

Offences cn_missing(const LintInput& in) { return offence_if(in.content.common_names.empty()); }

Offences cn_several(const LintInput& in) { return offence_if(in.content.common_names.size() > 1); }

Offences cn_wildcard(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.content.common_names)
    if (name.find('*') != std::string::npos) out.push_back(name);
  return out;
}

Offences cn_too_long(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.content.common_names)
    if (name.size() > 64) out.push_back(name);
  return out;
}

Offences san_wildcard(const LintInput& in) {
  Offences out;
  for (const std::string& name : in.content.sans.dns)
    if (name.find('*') != std::string::npos) out.push_back(name);
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

bool is_arpa(std::string_view name) { return lower_case(last_label(name)) == "arpa"; }
/// Reverse zones have a rule of their own.
bool is_private(std::string_view name) { return has_private_suffix(name) && !is_arpa(name); }

Offences private_suffix(const LintInput& in) {
  if (in.profile == Profile::kLync && is_inside(in)) return {};
  return names_where(in, is_private);
}

Offences private_suffix_inside(const LintInput& in) {
  if (!is_inside(in)) return {};
  return names_where(in, is_private);
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

bool has_a_label_prefix(std::string_view label) {
  return label.size() >= 4 && lower_case(label.substr(0, 4)) == "xn--";
}

Offences reserved_ldh(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return has_label(name, [](std::string_view label) {
      return label.size() >= 4 && label.substr(2, 2) == "--" && !has_a_label_prefix(label);
    });
  });
}

Offences broken_a_label(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return has_label(name, [](std::string_view label) {
      return has_a_label_prefix(label) && !is_a_label(label);
    });
  });
}

Offences a_label(const LintInput& in) {
  return names_where(in, [](std::string_view name) { return has_label(name, has_a_label_prefix); });
}

Offences san_ip(const LintInput& in) { return in.content.sans.ip; }

Offences san_other(const LintInput& in) {
  Offences out = in.content.sans.email;
  out.insert(out.end(), in.content.sans.uri.begin(), in.content.sans.uri.end());
  if (in.content.sans.other != 0)
    out.push_back(std::to_string(in.content.sans.other) + " of other kinds");
  return out;
}

Offences san_criticality(const LintInput& in) {
  return offence_if(in.content.has_san && in.content.san_critical != in.content.subject.empty());
}

Offences reverse_zone(const LintInput& in) { return names_where(in, is_arpa); }

Offences impossible_tld(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return !fqdn_fault(host_part(name)) && !has_possible_tld(name);
  });
}

Offences public_suffix(const LintInput& in) {
  return names_where(in, [](std::string_view name) { return is_public_suffix(host_part(name)); });
}

Offences upper_case(const LintInput& in) {
  return names_where(in, [](std::string_view name) {
    return std::ranges::any_of(name, [](char c) { return c >= 'A' && c <= 'Z'; });
  });
}

Offences san_twice(const LintInput& in) {
  Offences out;
  std::vector<std::string_view> names(in.content.sans.dns.begin(), in.content.sans.dns.end());
  std::ranges::sort(names, less_ignoring_case);
  for (auto at = names.begin(); at != names.end();) {
    const auto end = std::upper_bound(at, names.end(), *at, less_ignoring_case);
    if (end - at > 1) out.emplace_back(*at);
    at = end;
  }
  return out;
}

Offences san_ip_reserved(const LintInput& in) {
  Offences out;
  std::ranges::copy_if(in.content.sans.ip, std::back_inserter(out), is_reserved_address);
  return out;
}

constexpr std::array kRules{
    Rule{"san.missing", kError, kError, kError, "the SAN has no DNS name",
         "put every name, the common name too, into the SAN", "BR 7.1.2.7.12; requirements topic",
         san_missing},
    Rule{"cn.not-in-san", kError, kError, kError,
         "the common name is not in the SAN, octet for octet",
         "add it to the SAN; TLS clients look only there", "BR 7.1.4.3; requirements topic",
         cn_not_in_san},
    Rule{"cn.missing", kOff, kWarn, kWarn, "the subject has no common name",
         "write the Access Edge or internal FQDN as the common name; older peers want it",
         "requirements topic", cn_missing},
    Rule{"cn.several", kError, kError, kError, "the subject has more than one common name",
         "leave one", "BR 7.1.4.3", cn_several},
    Rule{"cn.wildcard", kOff, kError, kError, "the common name is a wildcard",
         "write the FQDN itself", "wildcard topic", cn_wildcard},
    Rule{"cn.too-long", kError, kError, kError, "the common name has over 64 characters",
         "choose a shorter FQDN", "RFC 5280 appendix A.1", cn_too_long},
    Rule{"san.wildcard", kOff, kWarn, kWarn, "a SAN is a wildcard",
         "list the names; wildcards are not supported on Edge, though the XMPP tables print one",
         "Edge planning topic", san_wildcard},
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
    Rule{"name.a-label", kError, kError, kWarn, "an internationalised label does not decode",
         "write the label as IDNA does", "BR 7.1.2.7.12; RFC 3492", broken_a_label},
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
    Rule{"name.arpa", kError, kError, kError, "a name is in a reverse zone",
         "leave it out: .arpa is for addresses", "BR 7.1.2.7.12; BR 4.2.2", reverse_zone},
    Rule{"name.tld", kError, kOff, kOff, "a name ends in a label that cannot be a top-level domain",
         "use a name under a registered domain", "BR 7.1.2.7.12; IANA root zone database",
         impossible_tld},
    Rule{"name.public-suffix", kWarn, kOff, kOff,
         "a name is a suffix where everybody can register, or a wildcard right above one",
         "write *.contoso.co.uk", "BR 3.2.2.6", public_suffix},
    Rule{"name.upper-case", kInfo, kInfo, kOff, "a name has capitals",
         "write lower case: some CAs change the name to it", "Boulder csr", upper_case},
    Rule{"san.twice", kWarn, kWarn, kWarn, "the SAN has a name twice", "leave one",
         "RFC 8555 7.4 takes a set", san_twice},
    Rule{"san.ip-reserved", kError, kOff, kOff, "the SAN has an address that is not public",
         "leave it out", "BR 4.2.2; RFC 6890", san_ip_reserved},
};

}  // namespace

std::span<const Rule> name_rules() { return kRules; }

}  // namespace poolkey::requests
