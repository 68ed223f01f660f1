#include "service/router.h"

#include <algorithm>

#include "base/error.h"

namespace poolkey::service {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::kInvalidArgument, "the request's target " + why);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

std::string decoded(std::string_view text, bool plus_is_blank) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
      const int low = high >= 0 ? digit(text[i + 2]) : -1;
      if (low < 0) refuse("has a '%' without two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
      // A decoded slash would make two segments of one.
      if (c == '/' || c == '\0') refuse("hides a '/' or a NUL behind '%'");
    } else if (c == '+' && plus_is_blank) {
      c = ' ';
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) refuse("has a control character");
    out += c;
  }
  return out;
}

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> out;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    out.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

std::optional<Fields> fit(const std::vector<std::string_view>& wanted,
                          const std::vector<std::string_view>& given) {
  if (wanted.size() != given.size()) return std::nullopt;
  Fields out;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!is_parameter(wanted[i])) {
      if (wanted[i] != given[i]) return std::nullopt;
    } else {
      if (given[i].empty()) return std::nullopt;
      out.emplace_back(wanted[i].substr(1, wanted[i].size() - 2), given[i]);
    }
  }
  return out;
}

}  // namespace

Match match(std::span<const Route> routes, std::string_view method, std::string_view path) {
  const std::vector<std::string_view> given = segments(path);
  Match out;
  for (const Route& route : routes) {
    auto parameters = fit(segments(route.path), given);
    if (!parameters) continue;
    out.methods.emplace_back(route.method);
    if (route.method != (method == "HEAD" ? "GET" : method) || out.route != nullptr) continue;
    out.route = &route;
    out.parameters = std::move(*parameters);
  }
  return out;
}

Target parse_target(std::string_view target) {
  if (!target.starts_with('/')) refuse("does not begin with '/'");
  const std::size_t mark = std::min(target.find('?'), target.size());
  const std::string_view raw = target.substr(0, mark);
  if (raw.find('#') != raw.npos) refuse("has a '#'");
  Target out{decoded(raw, false), {}};
  for (const std::string_view segment : segments(out.path))
    if (segment == "." || segment == "..") refuse("has a segment '.' or '..'");
  std::string_view query = mark < target.size() ? target.substr(mark + 1) : "";
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    out.query.emplace_back(decoded(pair.substr(0, equals), true),
                           equals < pair.size() ? decoded(pair.substr(equals + 1), true) : "");
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

}  // namespace poolkey::service
