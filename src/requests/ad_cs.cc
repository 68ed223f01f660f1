#include "requests/ad_cs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <string_view>
#include <utility>

#include "crypto/csr.h"

namespace poolkey::requests {
namespace {

/// The template that a web server's certificate comes from (domain 2.4, 5.1).
std::string template_name(const Authority& authority) {
  if (!authority.ad_cs_template) return "WebServer";
  return authority.ad_cs_template->name.empty() ? authority.ad_cs_template->oid
                                                : authority.ad_cs_template->name;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string doubled(std::string_view text, char which) {
  std::string out;
  for (const char c : text) out.append(c == which ? 2 : 1, c);
  return out;
}

std::string in_quotes(std::string_view text) { return '"' + doubled(text, '"') + '"'; }

/// As CertStrToName reads it: whatever could be a separator is quoted, quotes within are doubled;
/// a backslash escapes nothing.
std::string name_value(const std::string& value) {
  const bool plain = std::ranges::all_of(value, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(" .-_*").find(c) != std::string_view::npos;
  });
  return plain && !value.starts_with(' ') && !value.ends_with(' ') ? value : in_quotes(value);
}

/// The end of the name first: certreq (IX500DistinguishedName::Encode) turns it round.
std::string x500(const crypto::DistinguishedName& name) {
  using Part = std::pair<std::string_view, const std::string*>;
  const std::array<Part, 6> parts{Part{"CN", &name.common_name},
                                  {"OU", &name.organizational_unit},
                                  {"O", &name.organization},
                                  {"L", &name.locality},
                                  {"S", &name.state},
                                  {"C", &name.country}};
  std::string out;
  for (const auto& [key, value] : parts)
    if (!value->empty())
      out += (out.empty() ? "" : ",") + std::string(key) + "=" + name_value(*value);
  return out;
}

/// A value of an INF: in quotes, those within doubled, and no %token%.
std::string inf_value(std::string_view text) { return in_quotes(doubled(text, '%')); }

void append_unit(std::string& out, std::uint32_t unit) {
  out += static_cast<char>(unit & 0xff);
  out += static_cast<char>(unit >> 8);
}

/// Windows takes an INF for ANSI, in the code page of the day, unless it begins with the mark of
/// UTF-16. From valid UTF-8.
std::string utf16(std::string_view text) {
  std::string out;
  append_unit(out, 0xfeff);
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    int more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    std::uint32_t point = more == 0 ? first : first & (0x3fU >> more);
    for (++at; more > 0 && at < text.size(); --more, ++at)
      point = (point << 6) | (static_cast<unsigned char>(text[at]) & 0x3fU);
    if (point >= 0x10000) append_unit(out, 0xd7c0 + (point >> 10));
    append_unit(out, point >= 0x10000 ? 0xdc00 | (point & 0x3ff) : point);
  }
  return out;
}

std::string lines(std::initializer_list<std::string> all) {
  std::string out;
  for (const std::string& line : all) out += line + "\r\n";
  return out;
}

}  // namespace

std::string certreq_inf(const StoredRequest& request, const Authority& authority) {
  const crypto::ParsedCsr csr = crypto::parse_csr(request.csr);
  std::string out = lines(
      {"; " + request.id, "; certreq -new FILE.inf FILE.req makes a NEW key on this computer. The",
       "; request of the pool's key is made already: send that one instead.", "[Version]",
       "Signature=\"$Windows NT$\"", "", "[NewRequest]", "Subject=" + inf_value(x500(csr.name)),
       "Exportable=TRUE", "KeyLength=" + std::to_string(csr.public_key.bits()), "KeySpec=1",
       "KeyUsage=0xa0", "MachineKeySet=TRUE",
       "ProviderName=\"Microsoft RSA SChannel Cryptographic Provider\"", "ProviderType=12",
       "RequestType=PKCS10", "HashAlgorithm=SHA256", "AlternateSignatureAlgorithm=false", ""});
  out += lines({"[EnhancedKeyUsageExtension]", "OID=1.3.6.1.5.5.7.3.1", ""});
  if (!csr.sans.dns.empty()) {
    out += lines({"[Extensions]", "2.5.29.17=\"{text}\""});
    for (std::size_t i = 0; i < csr.sans.dns.size(); ++i)
      out += "_continue_=\"DNS=" + csr.sans.dns[i] +
             (i + 1 < csr.sans.dns.size() ? "&\"\r\n" : "\"\r\n");
    out += "\r\n";
  }
  out +=
      lines({"[RequestAttributes]", "CertificateTemplate=" + inf_value(template_name(authority))});
  return is_ascii(out) ? out : utf16(out);
}

std::string certreq_commands(const StoredRequest& request, const Authority& authority,
                             const std::string& file) {
  const std::string config =
      authority.config.empty() ? "" : "-config \"" + authority.config + "\" ";
  const std::string text = lines(
      {"rem " + request.id + ", to be run where the CA can be reached",
       "certreq -submit " + config + "-attrib \"CertificateTemplate:" + template_name(authority) +
           "\" " + file + " answer.cer answer.p7b",
       "rem where the CA holds the request back, once it was issued there:",
       "rem certreq -retrieve " + config + "<RequestId> answer.cer answer.p7b",
       "rem then bring answer.p7b to the origin: poolkey request import answer.p7b",
       "rem certreq -accept is not for this request: its key is not on this computer"});
  // A command file is read line by line, each in the code page that is set then.
  return (is_ascii(text) ? "" : "@chcp 65001 >nul\r\n") + doubled(text, '%');
}

}  // namespace poolkey::requests
