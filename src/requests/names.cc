#include "requests/names.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace poolkey::requests {
namespace {

constexpr std::string_view kOneKey = "A/V tokens of one member are checked by another";
constexpr std::string_view kCopied = "one exportable certificate is copied to every member";
constexpr std::string_view kArray = "the proxies of an array answer as one";
constexpr std::string_view kOwn = "each server has its own; the key stays where it was made";
constexpr std::string_view kGlobal = "the Central Management Store hands one key to all servers";

constexpr std::array kKinds{
    CertificateKind{Role::kEdgeExternal, PoolKind::kEdge, Scope::kPool, CaKind::kPublic,
                    "Access Edge, Web Conferencing Edge, A/V Authentication",
                    "AccessEdgeExternal,DataEdgeExternal,AudioVideoAuthentication", "av-auth", true,
                    kOneKey, "requirements for external user access (Gg398920)"},
    CertificateKind{Role::kAvAuthentication, PoolKind::kEdge, Scope::kPool, CaKind::kPublic,
                    "A/V Authentication", "AudioVideoAuthentication", "av-auth", true, kOneKey,
                    "staging A/V and OAuth certificates (JJ660292)"},
    CertificateKind{Role::kEdgeInternal, PoolKind::kEdge, Scope::kPool, CaKind::kInternal,
                    "internal interface", "Internal", "edge-internal", true, kCopied,
                    "plan for Edge Server certificates"},
    CertificateKind{Role::kReverseProxy, PoolKind::kReverseProxy, Scope::kPool, CaKind::kPublic,
                    "published web services, simple URLs, lyncdiscover", "", "reverse-proxy", true,
                    kArray, "certificate summary, reverse proxy"},
    CertificateKind{Role::kDirector, PoolKind::kDirector, Scope::kServer, CaKind::kInternal,
                    "Director", "Default", "", true, kOwn, "certificate summary, Director"},
    CertificateKind{Role::kFrontEnd, PoolKind::kFrontEnd, Scope::kServer, CaKind::kInternal,
                    "Front End", "Default", "", true, kOwn,
                    "requirements for internal servers (Gg398094)"},
    CertificateKind{Role::kWebInternal, PoolKind::kFrontEnd, Scope::kServer, CaKind::kInternal,
                    "internal web services", "WebServicesInternal", "", true, kOwn,
                    "requirements for internal servers (Gg398094)"},
    CertificateKind{Role::kWebExternal, PoolKind::kFrontEnd, Scope::kServer, CaKind::kInternal,
                    "external web services", "WebServicesExternal", "", true, kOwn,
                    "requirements for internal servers (Gg398094)"},
    // A pool of Directors can give it its name as well: needs() and names_for() look.
    CertificateKind{Role::kOauth, PoolKind::kFrontEnd, Scope::kDeployment, CaKind::kInternal,
                    "server-to-server authentication", "OAuthTokenIssuer", "oauth", false, kGlobal,
                    "assign a server-to-server authentication certificate"},
};

/// Collects the names of one certificate: a set, where a name that two rules ask for stands once,
/// by the first.
class Names {
 public:
  Names(const HostName& common_name, std::string rule) {
    out_.common_name = {common_name.value, "common name = " + rule, common_name.where.str()};
  }

  void add(const std::string& name, std::string rule, const HostName& source) {
    if (std::ranges::find(out_.sans, name, &RequestedName::name) == out_.sans.end())
      out_.sans.push_back({name, std::move(rule), source.where.str()});
  }
  void add(const HostName& name, std::string rule) { add(name.value, std::move(rule), name); }
  void add(const HostNames& names, const std::string& rule) {
    for (const HostName& name : names) add(name, rule);
  }
  void add_sip(const HostNames& domains, const std::string& why) {
    for (const HostName& domain : domains)
      add("sip." + domain.value, "sip.<domain> for SIP domain " + domain.value + " (" + why + ")",
          domain);
  }
  /// Simple URLs, where no wildcard stands in for them.
  void add_simple(const HostNames& names, const HostNames& wildcards, const std::string& rule) {
    for (const HostName& name : names) {
      const auto wildcard = std::ranges::find_if(wildcards, [&](const HostName& w) {
        return name.value.substr(std::min(name.value.find('.'), name.value.size())) ==
               std::string_view(w.value).substr(1);
      });
      if (wildcard == wildcards.end())
        add(name, rule);
      else
        add(*wildcard, "wildcard in place of simple URLs");
    }
  }

  RequestedNames take() { return std::move(out_); }

 private:
  RequestedNames out_;
};

/// What a certificate's names depend on.
struct Wanted {
  const Topology& topology;
  const Pool& pool;
  CaKind ca;
  std::size_t server;  ///< the member's place; meaningless for a scope other than kServer

  bool is_public() const { return ca == CaKind::kPublic; }
  template <class T>
  const T& services() const {
    return std::get<T>(pool.services);
  }
};

RequestedNames edge_external(const Wanted& w) {
  const auto& edge = w.services<EdgeServices>();
  Names out(edge.access, "Access Edge FQDN");
  out.add(edge.access, "common name repeated");
  out.add(edge.web_conferencing, "Web Conferencing Edge FQDN");
  if (edge.auto_configuration || edge.federation)
    out.add_sip(edge.sip_domains,
                edge.auto_configuration ? "automatic client configuration" : "federation");
  out.add(edge.xmpp, "XMPP federation");
  return out.take();
}

/// Nothing reads its names: the A/V FQDN tells people which it is (domain 1.2 rule 6).
RequestedNames av_authentication(const Wanted& w) {
  const auto& edge = w.services<EdgeServices>();
  Names out(edge.av, "A/V Edge FQDN");
  out.add(edge.av, "common name repeated");
  return out.take();
}

RequestedNames edge_internal(const Wanted& w) {
  const auto& edge = w.services<EdgeServices>();
  Names out(edge.internal, "internal Edge FQDN");
  if (w.is_public()) out.add(edge.internal, "common name repeated for a public CA");
  return out.take();
}

RequestedNames reverse_proxy(const Wanted& w) {
  const auto& proxy = w.services<ProxyServices>();
  const WebNames& web = w.topology.web;
  Names out(proxy.web_external, "external web FQDN of the pool");
  out.add(proxy.web_external, "common name repeated");
  out.add(proxy.other_web_external, "external web FQDN of another pool");
  out.add_simple(web.dialin, web.wildcards, "dial-in simple URL");
  out.add_simple(web.meet, web.wildcards, "meeting simple URL");
  out.add(web.office_web_apps, "Office Web Apps");
  out.add(web.lyncdiscover, "lyncdiscover of a SIP domain");
  return out.take();
}

RequestedNames director(const Wanted& w) {
  const auto& servers = w.services<ServerServices>();
  const WebNames& web = w.topology.web;
  Names out(servers.fqdn, "Director pool FQDN");
  out.add(servers.fqdn, "common name repeated");
  out.add(servers.servers[w.server], "FQDN of the server");
  out.add_simple(web.dialin, web.wildcards, "dial-in simple URL");
  out.add_simple(web.meet, web.wildcards, "meeting simple URL");
  out.add(web.lyncdiscover_internal, "lyncdiscoverinternal of a SIP domain");
  out.add(web.lyncdiscover, "lyncdiscover of a SIP domain");
  out.add_sip(servers.sip_domains, "strict DNS matching");
  return out.take();
}

RequestedNames front_end(const Wanted& w) {
  const auto& servers = w.services<ServerServices>();
  Names out(servers.fqdn, "Front End pool FQDN");
  out.add(servers.fqdn, "common name repeated");
  out.add(servers.servers[w.server], "FQDN of the server");
  out.add_sip(servers.sip_domains, "strict DNS matching");
  return out.take();
}

/// The example has the server's FQDN as the common name, though the rule beside it says the pool's
/// (domain conflict 15).
RequestedNames web_internal(const Wanted& w) {
  const HostName& server = w.services<ServerServices>().servers[w.server];
  const WebNames& web = w.topology.web;
  Names out(server, "FQDN of the server");
  out.add(server, "common name repeated");
  out.add_simple(web.meet, web.wildcards, "meeting simple URL");
  out.add_simple(web.dialin, web.wildcards, "dial-in simple URL");
  out.add(web.admin, "administration simple URL");
  out.add(web.lyncdiscover_internal, "lyncdiscoverinternal of a SIP domain");
  return out.take();
}

/// As printed the SAN lacks the common name, which no public CA issues: it gets the external FQDN.
RequestedNames web_external(const Wanted& w) {
  const auto& servers = w.services<ServerServices>();
  const WebNames& web = w.topology.web;
  Names out(w.is_public() ? *servers.web_external : servers.servers[w.server],
            w.is_public() ? "external web FQDN, for a public CA" : "FQDN of the server");
  out.add(*servers.web_external, "external web FQDN");
  out.add_simple(web.meet, web.wildcards, "meeting simple URL");
  out.add_simple(web.dialin, web.wildcards, "dial-in simple URL");
  out.add(web.lyncdiscover, "lyncdiscover of a SIP domain");
  return out.take();
}

RequestedNames oauth(const Wanted& w) {
  const auto& servers = w.services<ServerServices>();
  Names out(servers.fqdn, "pool FQDN");
  if (w.is_public()) out.add(servers.fqdn, "common name repeated for a public CA");
  return out.take();
}

struct NamesRow {
  Role role;
  RequestedNames (*names)(const Wanted&);
};
constexpr std::array kNames{
    NamesRow{Role::kEdgeExternal, edge_external},
    NamesRow{Role::kAvAuthentication, av_authentication},
    NamesRow{Role::kEdgeInternal, edge_internal},
    NamesRow{Role::kReverseProxy, reverse_proxy},
    NamesRow{Role::kDirector, director},
    NamesRow{Role::kFrontEnd, front_end},
    NamesRow{Role::kWebInternal, web_internal},
    NamesRow{Role::kWebExternal, web_external},
    NamesRow{Role::kOauth, oauth},
};

bool is_kind_of(const Pool& pool, const CertificateKind& kind) {
  if (kind.role == Role::kOauth) return std::holds_alternative<ServerServices>(pool.services);
  return pool.kind == kind.pool;
}

/// The place of the member that a certificate of its own is for.
std::size_t place_of(const Pool& pool, const std::optional<MemberName>& server) {
  std::string known;
  for (std::size_t i = 0; i < pool.members.size(); ++i) {
    if (server ? pool.members[i] == *server : pool.members.size() == 1) return i;
    known += (known.empty() ? "" : ", ") + pool.members[i].str();
  }
  if (!server)
    throw Error(Errc::kInvalidArgument,
                "each server of pool '" + pool.name.str() +
                    "' has a certificate of its own; say which with --server (" + known + ")");
  throw Error(Errc::kNotFound, "pool '" + pool.name.str() + "' has no server '" + server->str() +
                                   "'; it has " + known);
}

}  // namespace

std::string_view name(Scope scope) {
  constexpr std::array<std::string_view, 3> kScopes{"pool", "server", "deployment"};
  return kScopes[static_cast<std::size_t>(scope)];
}

std::span<const CertificateKind> certificate_kinds() { return kKinds; }

const CertificateKind& certificate_kind(Role role) {
  const auto found = std::ranges::find(kKinds, role, &CertificateKind::role);
  if (found != kKinds.end()) return *found;
  throw Error(Errc::kInvalidArgument,
              "no topology asks for a certificate of '" + std::string(policy::word(role)) + "'");
}

bool needs(const Pool& pool, const CertificateKind& kind) {
  if (!is_kind_of(pool, kind)) return false;
  if (kind.role == Role::kAvAuthentication)
    return std::get<EdgeServices>(pool.services).has_av_certificate;
  if (kind.role == Role::kOauth) return std::get<ServerServices>(pool.services).oauth;
  return true;
}

const Authority& authority_for(const Topology& topology, const Pool& pool, Role role) {
  for (const auto& [of, name] : pool.authorities)
    if (of == role) return topology.authority(name.value);
  const bool is_public = certificate_kind(role).ca == CaKind::kPublic;
  return topology.authority(is_public ? kPublicAuthority : kEmbeddedAuthority);
}

Role parse_role(std::string_view text) {
  std::string known;
  for (const CertificateKind& kind : kKinds) {
    if (policy::word(kind.role) == text) return kind.role;
    known += (known.empty() ? "" : ", ") + std::string(policy::word(kind.role));
  }
  throw Error(
      Errc::kInvalidArgument,
      "'" + std::string(text) + "' is no certificate role of a topology; there are " + known);
}

std::vector<std::string> RequestedNames::dns_sans() const {
  std::vector<std::string> out;
  for (const RequestedName& san : sans) out.push_back(san.name);
  return out;
}

RequestedNames names_for(const Topology& topology, const PoolName& pool_name, Role role, CaKind ca,
                         const std::optional<MemberName>& server) {
  const Pool& pool = topology.pool(pool_name);
  const CertificateKind& kind = certificate_kind(role);
  if (!is_kind_of(pool, kind))
    throw Error(Errc::kInvalidArgument, "pool '" + pool_name.str() + "' is of the kind '" +
                                            std::string(name(pool.kind)) +
                                            "' and has no certificate of the role '" +
                                            std::string(policy::word(role)) + "'");
  if (server && kind.scope != Scope::kServer)
    throw Error(Errc::kInvalidArgument,
                "the certificate of the role '" + std::string(policy::word(role)) +
                    "' is not for one server; leave '" + server->str() + "' out");
  const Wanted wanted{topology, pool, ca,
                      kind.scope == Scope::kServer ? place_of(pool, server) : 0};
  return std::ranges::find(kNames, role, &NamesRow::role)->names(wanted);
}

}  // namespace poolkey::requests
