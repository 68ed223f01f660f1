// What IANA and ISO have in their registries: top-level domains, countries, special addresses.
// May touch: std and POSIX only. Called by: lint.
#pragma once

#include <string_view>

namespace poolkey::requests {

/// A code of ISO 3166-1 alpha-2, in capitals as a subject has it; XX too, for "none" (BR 7.1.4.2).
bool is_country(std::string_view code);

/// The last label of `name` can be a top-level domain: two letters of a country, three and more
/// letters, or an A-label. No list of today's root zone: it changes every week, and none of its
/// names breaks this rule.
bool has_possible_tld(std::string_view name);

/// `name` is something like "co.uk", under which strangers register.
bool is_public_suffix(std::string_view name);

/// An IPv4 or IPv6 address in text that IANA's registries of special addresses have as not globally
/// reachable, or a multicast one.
bool is_reserved_address(std::string_view address);

}  // namespace poolkey::requests
