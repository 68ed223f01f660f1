#include "requests/fqdn.h"

#include <algorithm>
#include <array>

namespace poolkey::requests {
namespace {

constexpr std::array<std::string_view, 14> kPrivateSuffixes{
    "local", "localhost", "localdomain", "internal", "intranet", "private", "lan",
    "corp",  "home",      "test",        "example",  "invalid",  "onion",   "arpa"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string lower_case(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::vector<std::string_view> labels(std::string_view name) {
  std::vector<std::string_view> out;
  for (std::size_t at = 0;;) {
    const std::size_t dot = name.find('.', at);
    out.push_back(name.substr(at, dot - at));
    if (dot == std::string_view::npos) return out;
    at = dot + 1;
  }
}

std::string_view last_label(std::string_view name) { return name.substr(name.rfind('.') + 1); }

bool less_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, lower, lower);
}

std::optional<std::string> fqdn_fault(std::string_view name) {
  if (name.empty()) return "it is empty";
  if (name.size() > 253) return "it has over 253 octets";
  if (name.back() == '.') return "it ends in a dot";
  const std::vector<std::string_view> parts = labels(name);
  for (const std::string_view part : parts) {
    if (part.empty()) return "it has an empty label";
    if (part.size() > 63) return "a label has over 63 octets";
    for (const char c : part) {
      if (c == '_') return "it has an underscore";
      if (!is_letter(c) && !is_digit(c) && c != '-')
        return "only letters, digits, hyphens and dots may stand in it";
    }
    if (part.front() == '-' || part.back() == '-') return "a label begins or ends with a hyphen";
  }
  if (parts.size() < 2) return "it is a short name, without a domain";
  if (std::ranges::all_of(parts.back(), is_digit)) return "it ends in a number, as an address does";
  return std::nullopt;
}

bool is_wildcard(std::string_view name) {
  return name.starts_with("*.") && !fqdn_fault(name.substr(2));
}

bool has_private_suffix(std::string_view name) {
  const std::string last = lower_case(last_label(name));
  return std::ranges::find(kPrivateSuffixes, last) != kPrivateSuffixes.end();
}

}  // namespace poolkey::requests
