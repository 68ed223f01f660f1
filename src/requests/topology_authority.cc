// [ca.NAME] of a topology file.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "requests/topology_reader.h"

namespace poolkey::requests {
namespace {

constexpr std::array<std::string_view, 3> kRoutes{"embedded", "file", "est"};
constexpr std::int64_t kMostTurnaroundDays = 365;
constexpr Days kPublicTurnaround{5};
constexpr Days kInternalTurnaround{1};

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// "AB:CD..." as openssl prints it, or plain: lower-case hexadecimal either way.
std::string fingerprint(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != ':') out += (c >= 'A' && c <= 'F') ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::vector<std::string> read_roots(toml::Reader& reader, const std::string& table) {
  std::vector<std::string> out;
  const auto listed = reader.optional_strings("roots");
  if (!listed) return out;
  for (const auto& item : listed->value) {
    out.push_back(fingerprint(item.value));
    if (!is_sha256(out.back()))
      reader.fault(item.where, "'" + table + ".roots': '" + item.value +
                                   "' is no SHA-256 fingerprint; write the 64 hexadecimal digits "
                                   "that 'openssl x509 -noout -fingerprint -sha256' prints");
  }
  return out;
}

std::optional<std::uint32_t> number(std::string_view text) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  std::uint32_t out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return out;
}

bool is_oid(std::string_view text) {
  if (text.find('.') == std::string_view::npos || text.ends_with('.')) return false;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('.', at), text.size());
    if (!number(text.substr(at, end - at))) return false;
    at = end + 1;
  }
  return text[0] >= '0' && text[0] <= '2' && text[1] == '.';
}

/// "1.3.6.1.4.1.311.21.8.1.2.3:100.3" or a name.
std::optional<Template> parse_template(std::string_view text) {
  if (text.empty() || text.size() > 64) return std::nullopt;
  if (text[0] < '0' || text[0] > '9') return Template{std::string(text), "", 0, 0};
  const std::size_t colon = text.find(':');
  Template out{"", std::string(text.substr(0, colon)), 0, 0};
  if (!is_oid(out.oid)) return std::nullopt;
  if (colon == std::string_view::npos) return out;
  const std::string_view version = text.substr(colon + 1);
  const std::size_t dot = version.find('.');
  const auto major = number(version.substr(0, dot));
  const auto minor = dot == std::string_view::npos ? std::optional<std::uint32_t>(0)
                                                   : number(version.substr(dot + 1));
  if (!major || !minor) return std::nullopt;
  out.major = *major;
  out.minor = *minor;
  return out;
}

std::string absolute_path(toml::Reader& reader, std::string_view key) {
  const auto text = reader.optional_string(key);
  if (!text) return "";
  if (!text->value.starts_with('/'))
    reader.fault(text->where, "'" + std::string(key) + "' is '" + text->value +
                                  "'; write an absolute path, for every verb uses it");
  return text->value;
}

void check_credentials(toml::Reader& reader, const EstServer& est) {
  const bool by_certificate = !est.certificate.empty() || !est.key.empty();
  const bool by_password = !est.user.empty() || !est.password.empty();
  if (est.certificate.empty() != est.key.empty())
    reader.fault(reader.where(), "'certificate' and 'key' belong together; one is missing");
  if (est.user.empty() != est.password.empty())
    reader.fault(reader.where(), "'user' and 'password' belong together; one is missing");
  if (!by_certificate && !by_password)
    reader.fault(reader.where(),
                 "nothing says who we are there: give 'certificate' and 'key', or 'user' and "
                 "'password'");
}

EstServer read_est(toml::Reader reader) {
  EstServer out;
  const auto url = reader.string("url");
  out.url = url.value;
  while (out.url.ends_with('/')) out.url.pop_back();
  const std::string_view host =
      std::string_view(out.url).substr(std::min<std::size_t>(8, out.url.size()));
  if (!out.url.starts_with("https://") || host.empty() ||
      host.find_first_of("/?#@\" ") != host.npos)
    reader.fault(url.where, "'url' is '" + url.value +
                                "'; write what stands before /.well-known: https://HOST:PORT");
  if (const auto label = reader.optional_string("label")) {
    out.label = label->value;
    if (out.label.empty() || out.label.find_first_of("/?#% ") != std::string::npos)
      reader.fault(label->where, "'label' is one segment of a path, without '/'");
  }
  out.trust = absolute_path(reader, "trust");
  if (out.trust.empty())
    reader.fault(reader.where(),
                 "'trust' is missing: a PEM file with the roots that the server's "
                 "TLS certificate chains to");
  out.certificate = absolute_path(reader, "certificate");
  if (const auto key = reader.optional_string("key")) {
    out.key = key->value;
    if (!out.key.starts_with('/') && !out.key.starts_with("pkcs11:"))
      reader.fault(key->where, "'key' is an absolute path or a PKCS#11 URI");
  }
  if (const auto user = reader.optional_string("user")) out.user = user->value;
  if (const auto password = reader.optional_string("password")) {
    out.password = password->value;
    if (!out.password.starts_with("file:/") && !out.password.starts_with("credential:"))
      reader.fault(password->where, "'password' says where it is: file:/PATH or credential:NAME");
  }
  check_credentials(reader, out);
  reader.finish();
  return out;
}

void read_route(toml::Reader& reader, Authority& out) {
  if (reader.node("route") != nullptr) {
    const auto route = reader.choice("route", {"file", "est"});
    out.route = route.value == name(Route::kEst) ? Route::kEst : Route::kFile;
  }
  if (out.route == Route::kEst)
    out.est = read_est(reader.table("est"));
  else if (auto est = reader.optional_table("est"))
    reader.fault(est->where(), "'est' is for route = \"est\"");
}

Authority read_authority(const std::string& name, toml::Reader& reader) {
  const std::string table = "ca." + name;
  Authority out{.name = name, .kind = CaKind::kPublic, .route = Route::kFile};
  if (name != kPublicAuthority || reader.node("kind") != nullptr) {
    const auto kind = reader.choice("kind", policy::all_words<CaKind>());
    out.kind = policy::parse_word<CaKind>(kind.value).value_or(CaKind::kPublic);
  }
  read_route(reader, out);
  out.turnaround = out.kind == CaKind::kPublic ? kPublicTurnaround : kInternalTurnaround;
  if (const auto days = reader.optional_integer("turnaround_days", 0, kMostTurnaroundDays))
    out.turnaround = Days(days->value);
  out.roots = read_roots(reader, table);
  if (const auto text = reader.optional_string("template")) {
    out.ad_cs_template = parse_template(text->value);
    if (!out.ad_cs_template)
      reader.fault(text->where, "'" + table + ".template': '" + text->value +
                                    "' is no AD CS template; write its name (\"WebServer\") or its "
                                    "OID with version (\"1.3.6.1.4.1.311.21.8.1.2:100.3\")");
  }
  if (const auto text = reader.optional_string("config")) out.config = text->value;
  reader.finish();
  return out;
}

}  // namespace

std::string_view name(Route route) { return kRoutes[static_cast<std::size_t>(route)]; }

std::vector<Authority> read_authorities(toml::Reader& top) {
  std::vector<Authority> out{
      {.name = std::string(kEmbeddedAuthority)},
      {.name = std::string(kPublicAuthority),
       .kind = CaKind::kPublic,
       .route = Route::kFile,
       .turnaround = kPublicTurnaround},
  };
  if (top.node("ca") == nullptr) return out;
  for (auto& [name, table] : top.tables("ca")) {
    Authority read = read_authority(name, table);
    if (name == kEmbeddedAuthority)
      table.fault(table.where(),
                  "'internal' is the name of poolkey's own CA, which needs no "
                  "table; give this CA another name");
    try {
      (void)KeyName(name);  // the same alphabet: the name is part of request ids
    } catch (const Error&) {
      table.fault(table.where(), "'" + name +
                                     "' is no name for a CA: use 1 to 32 of a-z, 0-9 and "
                                     "'-'");
    }
    const auto same = std::ranges::find(out, read.name, &Authority::name);
    if (same == out.end())
      out.push_back(std::move(read));
    else
      *same = std::move(read);
  }
  return out;
}

}  // namespace poolkey::requests
