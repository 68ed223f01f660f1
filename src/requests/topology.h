// A site's topology as its administrator writes it: pools, members, the names they serve, and who
// issues their certificates. May touch: base, policy's words (pure). Called by: names, plan, lint,
// app.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/toml.h"
#include "policy/words.h"

namespace poolkey::requests {

using policy::CaKind;
using policy::Role;

enum class Product { kLync2013, kSfb2015, kSfb2019, kSfbSe };
/// "lync-2013", "sfb-2015", "sfb-2019", "sfb-se"
std::string_view name(Product product);

/// A host name in lower case, and where the file has it.
using HostName = toml::Located<std::string>;
using HostNames = std::vector<HostName>;

/// The names of an Edge pool. A member has none of its own in any certificate.
struct EdgeServices {
  HostName internal;          ///< internal FQDN of the pool, or of the load balancer's VIP
  HostName access;            ///< Access Edge, external
  HostName web_conferencing;  ///< Web Conferencing Edge, external
  HostName av;                ///< A/V Edge, external; in DNS, not in the shared certificate
  HostNames sip_domains;
  HostNames xmpp;                  ///< as the administrator lists them; may be wildcards
  bool auto_configuration = true;  ///< clients find the pool through sip.<domain>
  bool federation = true;
  bool has_av_certificate = false;  ///< A/V Authentication has a certificate of its own
};

/// What publishes web services to the Internet: an array of reverse proxies.
struct ProxyServices {
  HostName web_external;         ///< external web FQDN of the pool behind it
  HostNames other_web_external;  ///< of Directors and further pools
};

/// A pool of Directors or Front Ends; a single server is a pool of one.
struct ServerServices {
  HostName fqdn;      ///< of the pool
  HostNames servers;  ///< of each member, in their order
  std::optional<HostName> web_external;
  HostNames sip_domains;  ///< sip.<domain> for each: only under strict DNS matching
  bool oauth = false;     ///< the deployment's OAuth certificate is named after this pool
};

enum class PoolKind { kEdge, kReverseProxy, kDirector, kFrontEnd };
/// "edge", "reverse-proxy", "director", "front-end"
std::string_view name(PoolKind kind);

using Services = std::variant<EdgeServices, ProxyServices, ServerServices>;

struct Pool {
  PoolName name;
  PoolKind kind = PoolKind::kEdge;
  std::vector<MemberName> members;  ///< 1 to 20, in file order
  Services services;
  std::vector<std::pair<Role, toml::Located<std::string>>> authorities;  ///< where it names one
  toml::Location where;
};

/// [web]: simple URLs and discovery, which proxies, Directors and Front Ends serve alike.
struct WebNames {
  HostNames meet;
  HostNames dialin;
  HostNames admin;
  HostNames lyncdiscover;
  HostNames lyncdiscover_internal;
  HostNames office_web_apps;
  HostNames wildcards;  ///< stand in for the simple URLs right below them
};

/// How requests reach a CA and its answers come back.
enum class Route {
  kEmbedded,  ///< poolkey's own CA in the origin's token
  kFile,      ///< a file to the CA, a file back
  kEst,       ///< EST (RFC 7030) over HTTPS
};
/// "embedded", "file", "est"
std::string_view name(Route route);

/// An AD CS template, by name or by OID (MS-WCCE 2.2.2.7.7).
struct Template {
  std::string name;  ///< "WebServer"; empty where there is an OID
  std::string oid;
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
};

/// A CA that certificates are asked of.
/// Where a CA answers by EST, whom we believe there, and who we are. All paths are absolute.
struct EstServer {
  std::string url{};          ///< "https://ca.contoso.net:8443", what stands before /.well-known
  std::string label{};        ///< of the CA's profile; may be empty
  std::string trust{};        ///< PEM file with the roots of the server's TLS certificate
  std::string certificate{};  ///< PEM file with our client certificate and its chain; or empty
  std::string key{};          ///< its key: a PEM file, or a PKCS#11 URI in the origin's token
  std::string user{};         ///< for HTTP Basic; or empty
  std::string password{};     ///< where its password comes from, as a PIN
};

struct Authority {
  std::string name;
  CaKind kind = CaKind::kInternal;
  Route route = Route::kEmbedded;
  Duration turnaround{};             ///< from the request to the certificate
  std::vector<std::string> roots{};  ///< SHA-256 of the root certificates it may chain to, hex
  std::optional<Template> ad_cs_template{};
  std::string config{};  ///< "CAHOST\\CA name", for certreq -config; may be empty
  EstServer est{};       ///< of route kEst
};

/// The authority that every topology has: poolkey's own CA.
inline constexpr std::string_view kEmbeddedAuthority = "internal";
/// The usual public CA: a topology may have its table, which then needs no kind.
inline constexpr std::string_view kPublicAuthority = "public";

struct Topology {
  Product product = Product::kLync2013;
  std::vector<Pool> pools;
  WebNames web;
  std::vector<Authority> authorities;  ///< with "internal" and "public", which need no table
  Duration av_token_lifetime = std::chrono::hours(8);
  Duration oauth_token_lifetime = std::chrono::hours(24);
  Duration roll_out = Days(2);        ///< to put a certificate on every server
  std::vector<toml::Fault> warnings;  ///< allowed, but unsupported or likely a mistake

  /// Throws kNotFound naming the pools there are.
  const Pool& pool(const PoolName& name) const;
  /// Throws kNotFound naming the CAs there are.
  const Authority& authority(std::string_view name) const;
};

/// Reads topology format version 1 (docs/topology.toml shows every key). Throws
/// kInvalidArgument with all faults of the file in one report.
Topology parse_topology(std::string_view text, const std::string& file);

/// True if `edge` is one label and then the SIP domain, as federation with the cloud wants the
/// Edge's name ("sip.contoso.com" for contoso.com; Skype connectivity topic).
bool is_federation_name(std::string_view sip_domain, std::string_view edge);

}  // namespace poolkey::requests
