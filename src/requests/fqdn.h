// Host names as Lync, Skype for Business and public CAs allow them.
// May touch: std only. Called by: topology and lint.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poolkey::requests {

/// ASCII lower case; other octets stay as they are.
std::string lower_case(std::string_view name);

/// The parts between the dots; "" has one empty part.
std::vector<std::string_view> labels(std::string_view name);

/// What stands behind the last dot; all of it where there is none.
std::string_view last_label(std::string_view name);

/// Less in ASCII lower case.
bool less_ignoring_case(std::string_view a, std::string_view b);

/// What keeps `name` from being a fully qualified domain name of letters, digits and hyphens
/// (RFC 1123 2.1: at least two labels, each 1 to 63, at most 253 octets in all, the last one not a
/// number); empty if nothing does. No wildcards, no underscores, no trailing dot.
std::optional<std::string> fqdn_fault(std::string_view name);

/// "*." and a fully qualified domain name.
bool is_wildcard(std::string_view name);

/// Ends in a label that no public CA can certify: "local", "corp", "internal", "arpa" and the like
/// (RFC 6761, RFC 6762 appendix G, BR 4.2.2).
bool has_private_suffix(std::string_view name);

}  // namespace poolkey::requests
