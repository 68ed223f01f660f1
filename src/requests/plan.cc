#include "requests/plan.h"

#include <algorithm>

namespace poolkey::requests {
namespace {

/// Edge keys leave their HSM on a single server as well (domain 1.2 rule 7); OAuth's goes to all.
bool is_exportable(const CertificateKind& kind) { return kind.scope != Scope::kServer; }

Duration token_lifetime(const Topology& topology, const Pool& pool, Role role) {
  if (role == Role::kOauth) return topology.oauth_token_lifetime;
  const auto* edge = std::get_if<EdgeServices>(&pool.services);
  const bool keys_tokens = role == Role::kAvAuthentication ||
                           (role == Role::kEdgeExternal && edge && !edge->has_av_certificate);
  return keys_tokens ? topology.av_token_lifetime : Duration::zero();
}

PlannedCertificate planned(const Topology& topology, const Pool& pool, const CertificateKind& kind,
                           const std::optional<MemberName>& server) {
  const Authority& authority = authority_for(topology, pool, kind.role);
  PlannedCertificate out{
      .id = pool.name.str() + "." + std::string(policy::word(kind.role)) +
            (server ? "." + server->str() : ""),
      .pool = pool.name,
      .server = server,
      .kind = &kind,
      .serves = std::string(kind.serves),
      .types = std::string(kind.types),
      .authority = authority,
      .names = names_for(topology, pool.name, kind.role, authority.kind, server)};
  const auto* edge = std::get_if<EdgeServices>(&pool.services);
  if (edge != nullptr && edge->has_av_certificate && kind.role == Role::kEdgeExternal) {
    out.serves = "Access Edge, Web Conferencing Edge";
    out.types = "AccessEdgeExternal,DataEdgeExternal";
  }
  out.members = server ? std::vector{*server} : pool.members;
  out.exportable = is_exportable(kind);
  out.token_lifetime = token_lifetime(topology, pool, kind.role);
  out.roll_out = topology.roll_out;
  return out;
}

std::string days(Duration d) {
  const auto whole = std::chrono::floor<Days>(d).count();
  return std::to_string(whole) + (whole == 1 ? " day" : " days");
}

}  // namespace

const Existing* PlannedCertificate::current() const {
  const Existing* out = nullptr;
  for (const Existing& e : existing)
    if (e.not_after && (out == nullptr || *e.not_after > *out->not_after)) out = &e;
  return out;
}

std::optional<Time> PlannedCertificate::ask_by() const {
  const Existing* now = current();
  if (now == nullptr) return std::nullopt;
  return *now->not_after - token_lifetime - authority.turnaround - roll_out;
}

std::vector<PlannedCertificate> plan(const Topology& topology) {
  std::vector<PlannedCertificate> out;
  for (const Pool& pool : topology.pools)
    for (const CertificateKind& kind : certificate_kinds()) {
      if (!needs(pool, kind)) continue;
      if (kind.scope != Scope::kServer) {
        out.push_back(planned(topology, pool, kind, std::nullopt));
        continue;
      }
      for (const MemberName& server : pool.members)
        out.push_back(planned(topology, pool, kind, server));
    }
  return out;
}

void add_existing(std::vector<PlannedCertificate>& plan, store::Database& database) {
  const std::vector<StoredRequest> all = all_requests(database);
  for (PlannedCertificate& p : plan)
    for (const StoredRequest& r : all) {
      if (r.pool != p.pool || r.role != p.kind->role || r.server != p.server) continue;
      Existing found{r.id, r.key, r.state};
      if (const auto bound = keys::certificate_of_request(database, r.id))
        found.not_after = bound->certificate.not_after();
      p.existing.push_back(std::move(found));
    }
}

std::string warning(const PlannedCertificate& planned, Time now, Duration ahead) {
  const std::optional<Time> by = planned.ask_by();
  const Existing* current = planned.current();
  if (!by || current == nullptr || *by - now > ahead) return "";
  const Time end = current->not_after.value_or(now);
  // A later request that is on its way is what was to be done, while there is time.
  for (const Existing& e : planned.existing)
    if (end > now && e.request != current->request && !e.not_after && e.state >= State::kSubmitted)
      return "";
  const std::string until = " (" + current->key.str() + " ends at " + rfc3339(end) + ")";
  if (end <= now) return planned.id + " has EXPIRED" + until;
  if (*by <= now)
    return planned.id + ": should have been asked for " + days(now - *by) + " ago" + until;
  return planned.id + ": ask for the next one within " + days(*by - now) + until;
}

}  // namespace poolkey::requests
