// [pool.NAME] of a topology file.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "requests/fqdn.h"
#include "requests/names.h"
#include "requests/topology_reader.h"

namespace poolkey::requests {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"edge", "reverse-proxy", "director", "front-end"};
constexpr std::size_t kMostMembers = 20;       // what Topology Builder lets one enter
constexpr std::size_t kSupportedMembers = 12;  // what Microsoft supports
constexpr std::size_t kCommonNameLimit = 64;   // RFC 5280 appendix A.1, ub-common-name

/// Reads one pool; files what is wrong with it, and what is merely odd, where it stands.
class PoolReader {
 public:
  PoolReader(std::string_view name, toml::Reader& reader, const FileContext& context,
             std::vector<toml::Fault>& warnings)
      : name_(name),
        reader_(reader),
        names_("pool." + std::string(name), reader),
        context_(context),
        warnings_(warnings) {}

  std::optional<Pool> read() {
    const std::optional<PoolName> pool = pool_name();
    const auto word = reader_.choice("kind", {kKinds.begin(), kKinds.end()});
    const auto found = std::ranges::find(kKinds, word.value);
    // The other keys depend on it: nothing else can be told right or wrong.
    if (found == kKinds.end()) return std::nullopt;
    const auto kind = static_cast<PoolKind>(found - kKinds.begin());
    std::vector<MemberName> members = read_members();
    Services services = read_services(kind, members.size());
    auto authorities = read_roles(kind);
    reader_.finish();
    if (!pool) return std::nullopt;
    return Pool{
        *pool,          kind, std::move(members), std::move(services), std::move(authorities),
        reader_.where()};
  }

 private:
  std::optional<PoolName> pool_name() {
    try {
      return PoolName(name_);
    } catch (const Error& error) {
      reader_.fault(reader_.where(), error.what());
      return std::nullopt;
    }
  }

  std::vector<MemberName> read_members() {
    std::vector<MemberName> out;
    const auto listed = reader_.strings("members");
    for (const auto& member : listed.value) {
      try {
        const MemberName name(member.value);
        if (std::ranges::find(out, name) != out.end())
          reader_.fault(member.where, "member '" + member.value + "' is listed twice");
        out.push_back(name);
      } catch (const Error& error) {
        reader_.fault(member.where, error.what());
      }
    }
    const std::size_t count = listed.value.size();
    if (reader_.node("members") != nullptr && (count == 0 || count > kMostMembers))
      reader_.fault(listed.where, names_.full("members") + " has " + std::to_string(count) +
                                      " members; a pool has 1 to " + std::to_string(kMostMembers));
    if (count > kSupportedMembers && count <= kMostMembers)
      warn(listed.where, names_.full("members") + " has " + std::to_string(count) +
                             " members; Microsoft supports at most " +
                             std::to_string(kSupportedMembers) + " servers in a pool");
    return out;
  }

  Services read_services(PoolKind kind, std::size_t members) {
    if (kind == PoolKind::kEdge) return read_edge();
    if (kind == PoolKind::kReverseProxy) return read_proxy();
    return read_servers(kind, members);
  }

  EdgeServices read_edge() {
    EdgeServices out;
    out.internal = names_.host("internal",
                               "the internal FQDN of the pool is the internal certificate's "
                               "common name; write internal = \"edge.contoso.net\"");
    out.access = names_.host("access",
                             "the Access Edge FQDN is the external certificate's common name; "
                             "write access = \"sip.contoso.com\"");
    out.web_conferencing =
        names_.host("web_conferencing",
                    "the Web Conferencing Edge FQDN must be in the external "
                    "certificate; write web_conferencing = \"webcon.contoso.com\"");
    out.av = names_.host("av",
                         "the A/V Edge FQDN is what the request is checked to leave out; write "
                         "av = \"av.contoso.com\"");
    read_flag("auto_configuration", out.auto_configuration);
    read_flag("federation", out.federation);
    if (reader_.node("av_certificate") != nullptr)
      out.has_av_certificate =
          reader_.choice("av_certificate", {"shared", "separate"}).value == "separate";
    out.sip_domains = read_sip_domains(out.auto_configuration || out.federation);
    out.xmpp = read_xmpp();
    fits_common_name(out.internal);
    fits_common_name(out.access);
    if (out.has_av_certificate) fits_common_name(out.av);
    check_federation(out);
    return out;
  }

  ProxyServices read_proxy() {
    ProxyServices out;
    out.web_external = names_.host("web_external",
                                   "the external web FQDN of the pool behind the proxy is the "
                                   "certificate's common name; write web_external = "
                                   "\"webext.contoso.com\"");
    out.other_web_external = names_.hosts("other_web_external");
    fits_common_name(out.web_external);
    return out;
  }

  ServerServices read_servers(PoolKind kind, std::size_t members) {
    ServerServices out;
    out.fqdn = names_.host("fqdn",
                           "the pool's FQDN is the common name of its certificates; write fqdn = "
                           "\"pool01.contoso.net\", for a single server its own");
    out.servers = names_.hosts("servers");
    if (out.servers.size() != members) {
      const toml::Node* node = reader_.node("servers");
      reader_.fault(node != nullptr ? node->where : reader_.where(),
                    names_.full("servers") + " has " + std::to_string(out.servers.size()) +
                        " names for " + std::to_string(members) +
                        " members; write the FQDN of each, in the order of members");
    }
    out.web_external = names_.optional_host("web_external");
    out.sip_domains = names_.hosts("sip_domains");
    read_flag("oauth", out.oauth);
    fits_common_name(out.fqdn);
    for (const HostName& server : out.servers) fits_common_name(server);
    if (kind == PoolKind::kFrontEnd && !out.web_external)
      reader_.fault(reader_.where(), names_.full("web_external") +
                                         " is missing: Front Ends have a certificate for their "
                                         "external web services; write web_external = "
                                         "\"webext.contoso.com\"");
    return out;
  }

  /// ca = { edge-external = "digicert" }
  std::vector<std::pair<Role, toml::Located<std::string>>> read_roles(PoolKind kind) {
    std::vector<std::pair<Role, toml::Located<std::string>>> out;
    auto table = reader_.optional_table("ca");
    if (!table) return out;
    for (const CertificateKind& row : certificate_kinds()) {
      if (row.pool != kind) continue;
      const auto ca = table->optional_string(policy::word(row.role));
      if (!ca) continue;
      if (std::ranges::find(context_.authorities, ca->value, &Authority::name) ==
          context_.authorities.end())
        reader_.fault(ca->where, "there is no CA '" + ca->value + "'; write a table [ca." +
                                     ca->value + "], or name 'internal' or 'public'");
      out.emplace_back(row.role, *ca);
    }
    table->finish();
    return out;
  }

  HostNames read_sip_domains(bool needed) {
    HostNames out = names_.hosts("sip_domains");
    const toml::Node* node = reader_.node("sip_domains");
    const auto* items = node != nullptr ? std::get_if<toml::Array>(&node->value) : nullptr;
    if (needed && (node == nullptr || (items != nullptr && items->empty())))
      reader_.fault(node != nullptr ? node->where : reader_.where(),
                    names_.full("sip_domains") +
                        " names no domain: with auto_configuration or federation the external "
                        "certificate needs sip.<domain> for each; write sip_domains = "
                        "[\"contoso.com\"]");
    return out;
  }

  HostNames read_xmpp() {
    // The topology tables print "*.contoso.com" here, so a wildcard is let through to the linter.
    HostNames out = names_.hosts("xmpp", /*wildcards=*/true);
    if (!out.empty() && !context_.has_xmpp)
      reader_.fault(out.front().where, names_.full("xmpp") + ": " + std::string(context_.product) +
                                           " has no XMPP gateway; remove the names");
    return out;
  }

  void read_flag(std::string_view key, bool& out) {
    if (const auto flag = reader_.optional_boolean(key)) out = flag->value;
  }

  void fits_common_name(const HostName& name) {
    if (name.value.size() > kCommonNameLimit)
      reader_.fault(name.where, "'" + name.value + "' has " + std::to_string(name.value.size()) +
                                    " octets; a common name has room for 64, so choose a "
                                    "shorter FQDN");
  }

  void check_federation(const EdgeServices& edge) {
    if (!edge.federation || edge.access.value.empty() || edge.sip_domains.empty()) return;
    const bool fits = std::ranges::any_of(edge.sip_domains, [&](const HostName& domain) {
      return is_federation_name(domain.value, edge.access.value);
    });
    if (!fits)
      warn(edge.access.where, "'" + edge.access.value +
                                  "' is not one label and a SIP domain; federation with Skype for "
                                  "Business Online would refuse it");
  }

  void warn(const toml::Location& where, std::string sentence) {
    warnings_.push_back({where, std::move(sentence)});
  }

  std::string_view name_;
  toml::Reader& reader_;
  NameReader names_;
  const FileContext& context_;
  std::vector<toml::Fault>& warnings_;
};

}  // namespace

std::string_view name(PoolKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::string NameReader::full(std::string_view key) const {
  return "'" + table_ + "." + std::string(key) + "'";
}

HostName NameReader::host(std::string_view key, std::string_view why) {
  if (reader_.node(key) == nullptr) {
    reader_.fault(reader_.where(), full(key) + " is missing: " + std::string(why));
    return {};
  }
  return optional_host(key).value_or(HostName{});
}

std::optional<HostName> NameReader::optional_host(std::string_view key) {
  const auto text = reader_.optional_string(key);
  return text ? std::optional(checked(key, *text)) : std::nullopt;
}

HostNames NameReader::hosts(std::string_view key, bool wildcards) {
  HostNames out;
  const auto listed = reader_.optional_strings(key);
  if (!listed) return out;
  for (const auto& text : listed->value)
    add(out, wildcards && is_wildcard(text.value) ? HostName{lower_case(text.value), text.where}
                                                  : checked(key, text));
  return out;
}

HostName NameReader::checked(std::string_view key, const toml::Located<std::string>& text) {
  if (const auto fault = fqdn_fault(text.value))
    reader_.fault(text.where, full(key) + ": '" + text.value +
                                  "' is no fully qualified domain "
                                  "name: " +
                                  *fault);
  return {lower_case(text.value), text.where};
}

void NameReader::add(HostNames& list, HostName name) {
  if (std::ranges::find(list, name.value, &HostName::value) != list.end())
    reader_.fault(name.where, "'" + name.value + "' is listed twice");
  list.push_back(std::move(name));
}

std::optional<Pool> read_pool(std::string_view name, toml::Reader& reader,
                              const FileContext& context, std::vector<toml::Fault>& warnings) {
  return PoolReader(name, reader, context, warnings).read();
}

}  // namespace poolkey::requests
