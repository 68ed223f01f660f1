#include "pool/windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/pfx.h"
#include "pool/windows_script_text.h"

namespace poolkey::pool {
namespace {

constexpr std::string_view kContext = "poolkey windows receipt v1";
constexpr std::string_view kMark = "\xef\xbb\xbf";  // some editors put it before UTF-8

/// Types of Set-CsCertificate, by what a certificate is for; where A/V Authentication has one of
/// its own, the external one is assigned by --type to the other two.
struct Type {
  std::string_view name;
  std::string_view roles;
  bool rolled;
};
constexpr std::array kTypes{
    Type{"AccessEdgeExternal", "edge-external", false},
    Type{"DataEdgeExternal", "edge-external", false},
    Type{"AudioVideoAuthentication", "edge-external av-authentication", true},
    Type{"Internal", "edge-internal", false},
    Type{"XMPPServer", "", false},
};

const Type* find_type(std::string_view name) {
  const auto found = std::ranges::find(kTypes, name, &Type::name);
  return found == kTypes.end() ? nullptr : &*found;
}

bool serves(const Type& type, std::string_view role) {
  return !role.empty() &&
         (" " + std::string(type.roles) + " ").find(" " + std::string(role) + " ") !=
             std::string::npos;
}

/// A PowerShell expression without any string in it: no region setting changes it.
std::string date(Time time) {
  const auto day = std::chrono::floor<Days>(time);
  const std::chrono::year_month_day ymd(day);
  const std::chrono::hh_mm_ss hms(time - day);
  return fmt::format("New-Object DateTime({}, {}, {}, {}, {}, {}, [DateTimeKind]::Utc)",
                     static_cast<int>(ymd.year()), static_cast<unsigned>(ymd.month()),
                     static_cast<unsigned>(ymd.day()), hms.hours().count(), hms.minutes().count(),
                     hms.seconds().count());
}

std::string strings(const std::vector<std::string>& words) {
  return words.empty() ? "" : fmt::format("'{}'", fmt::join(words, "', '"));
}

std::vector<std::string> rolled(const std::vector<std::string>& types) {
  std::vector<std::string> out;
  std::ranges::copy_if(types, std::back_inserter(out), is_rolled);
  return out;
}

std::string set_line(const WindowsDelivery& d) {
  return fmt::format("Set-CsCertificate -Type {} -Thumbprint {}{} -Confirm:$false",
                     fmt::join(d.types, ","), d.thumbprint,
                     d.effective ? " -Roll -EffectiveDate ($EffectiveUtc.ToLocalTime())" : "");
}

std::string remove_line(const WindowsDelivery& d) {
  const auto types = rolled(d.types);
  if (types.empty()) return "Write-Host 'No type of this certificate keeps a previous one.'";
  return fmt::format("Remove-CsCertificate -Type {} -Previous -Confirm:$false",
                     fmt::join(types, ","));
}

}  // namespace

std::string thumbprint(const crypto::Certificate& certificate) {
  std::string out = hex(crypto::digest("SHA1", certificate.der()));
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

std::vector<std::string> windows_types(const std::string& role) {
  std::vector<std::string> out;
  for (const Type& type : kTypes)
    if (serves(type, role)) out.emplace_back(type.name);
  if (out.empty())
    throw Error(Errc::kUnsupported,
                "a certificate for '" + role +
                    "' is not assigned on an Edge Server; only 'edge-external', "
                    "'av-authentication' and 'edge-internal' are");
  return out;
}

void check_windows_type(const std::string& type) {
  if (find_type(type)) return;
  std::string known;
  for (const Type& t : kTypes) known += (known.empty() ? "" : ", ") + std::string(t.name);
  throw Error(Errc::kInvalidArgument,
              "'" + type + "' is no type of an Edge Server; they are " + known);
}

bool is_rolled(const std::string& type) {
  const Type* found = find_type(type);
  return found && found->rolled;
}

std::string windows_script(const WindowsDelivery& d) {
  // All of it letters, digits and signs that mean nothing in a quoted string.
  const std::pair<std::string_view, std::string> values[] = {
      {"{{POOL}}", d.member.pool.str()},
      {"{{MEMBER}}", d.member.member.str()},
      {"{{KEY}}", d.key.str()},
      {"{{DELIVERY}}", d.nonce},
      {"{{PFX_NAME}}", d.pfx_name},
      {"{{PFX_SHA256}}", d.pfx_sha256},
      {"{{THUMBPRINT}}", d.thumbprint},
      {"{{PROVIDER}}", std::string(crypto::kSchannelProvider)},
      {"{{TYPE_STRINGS}}", strings(d.types)},
      {"{{ROLLED_STRINGS}}", strings(rolled(d.types))},
      {"{{TOKEN_HOURS}}", std::to_string(d.token_lifetime.count())},
      {"{{NOT_AFTER}}", date(d.not_after)},
      {"{{EFFECTIVE}}", d.effective ? date(*d.effective) : "$null"},
      {"{{SET_LINE}}", set_line(d)},
      {"{{REMOVE_LINE}}", remove_line(d)},
  };
  std::string out(kWindowsInstall);
  for (const auto& [name, value] : values) {
    const std::size_t at = out.find(name);
    if (at == std::string::npos || out.find(name, at + 1) != std::string::npos)
      throw Error(Errc::kInternal, "the script does not have " + std::string(name) + " once");
    out.replace(at, name.size(), value);
  }
  return out;
}

WindowsReceipt windows_receipt(std::string_view text) {
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  const std::string what = "the receipt of a Windows host";
  const json::value root = json::parse(text, what);
  const home::Members outer(json::as_object(root, what), what);
  const std::string statement = to_text(outer.base64_bytes("statement"));
  const home::Members m(statement, kContext);
  WindowsReceipt out{.pool = m.read("pool", [](const auto& s) { return PoolName(s); }),
                     .member = m.read("member", [](const auto& s) { return MemberName(s); }),
                     .key = m.key_version("key"),
                     .nonce = m.text("delivery"),
                     .step = m.text("step"),
                     .host = m.text("host"),
                     .clock = m.read("clock", [](const auto& s) { return parse_rfc3339(s); }),
                     .thumbprint = m.text("thumbprint"),
                     .has_private_key = m.boolean("has_private_key"),
                     .provider = m.text("provider"),
                     .key_spec = m.text("key_spec"),
                     .chain_is_valid = m.boolean("chain_is_valid"),
                     .slots = {},
                     .statement = statement,
                     .signature = outer.base64_bytes("signature")};
  for (const home::Members& s : m.list("slots"))
    out.slots.push_back(
        {s.text("type"), s.text("thumbprint"), s.text("other"), s.text("effective_at")});
  return out;
}

}  // namespace poolkey::pool
