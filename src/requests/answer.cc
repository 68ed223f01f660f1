#include "requests/answer.h"

#include <algorithm>

#include "crypto/csr.h"
#include "keys/issued.h"
#include "keys/origin.h"
#include "pool/safeguard.h"
#include "pool/survey.h"
#include "requests/create.h"

namespace poolkey::requests {
namespace {

std::vector<crypto::Certificate> received_cas(store::Database& database) {
  std::vector<crypto::Certificate> out;
  for (const Received& item : received(database, Received::Kind::kCa))
    out.push_back(crypto::Certificate::from_der(item.der));
  return out;
}

std::vector<crypto::Crl> received_crls(store::Database& database) {
  std::vector<crypto::Crl> out;
  for (const Received& item : received(database, Received::Kind::kCrl))
    out.push_back(crypto::Crl::from_der(item.der));
  return out;
}

/// Throws where no root is configured, or none that is was ever imported: what to do.
std::vector<crypto::Certificate> roots_of(const Authority& authority,
                                          const std::vector<crypto::Certificate>& known) {
  if (authority.roots.empty())
    throw Error(Errc::kNotFound, "the topology names no root for the CA '" + authority.name +
                                     "'; write roots = [\"<SHA-256 fingerprint>\"] in [ca." +
                                     authority.name + "], then 'poolkey pool define' again");
  std::vector<crypto::Certificate> out;
  for (const crypto::Certificate& certificate : known)
    if (std::ranges::find(authority.roots, hex(certificate.sha256())) != authority.roots.end())
      out.push_back(certificate);
  if (out.empty())
    throw Error(Errc::kNotFound, "the root of the CA '" + authority.name + "' (SHA-256 " +
                                     authority.roots.front() +
                                     ") is not here; fetch its certificate from the CA, and "
                                     "'poolkey request import' it");
  return out;
}

/// A public CA's certificates are held to the public rules, whatever else the policy asks of
/// requests; of our own CA only its own rules count.
std::vector<Profile> profiles_of(const policy::Policy& policy, const Authority& authority) {
  if (authority.route == Route::kEmbedded) return {Profile::kInternal};
  std::vector<Profile> out;
  for (const auto& profile : policy.request().lint_profiles.value)
    if (authority.kind == CaKind::kPublic || profile.value != Profile::kPublicBr)
      out.push_back(profile.value);
  return out;
}

/// Every member that holds the key, or the one server it is for, has shown its certificate.
bool is_everywhere(store::Database& database, const StoredRequest& request,
                   const std::vector<pool::Observation>& seen) {
  const auto bound = keys::certificate_of_request(database, request.id);
  if (!bound) return false;
  const std::string wanted = hex(bound->certificate.sha256());
  std::size_t holders = 0;
  for (const pool::Observation& o : seen) {
    if (o.key != request.key || (request.server && o.member.name != *request.server)) continue;
    ++holders;
    if (!o.receipt || o.receipt->receipt.certificate_sha256 != wanted) return false;
  }
  return holders > 0;
}

/// By the version where the key is one; else by when it was asked for.
bool is_later(const StoredRequest& a, const StoredRequest& b) {
  if (a.key.key == b.key.key && a.key.version != b.key.version)
    return a.key.version > b.key.version;
  return a.created > b.created;
}

/// Of a request that was just installed and another one, the older is superseded, whichever it is.
void supersede_older(keys::Context& context, StoredRequest& installed, StoredRequest& other) {
  if (other.id == installed.id || other.role != installed.role || other.server != installed.server)
    return;
  if (is_later(other, installed)) {
    if (other.state == State::kInstalled && installed.state == State::kInstalled)
      advance(installed, State::kSuperseded, context, "by " + other.id);
  } else if (may_follow(other.state, State::kSuperseded)) {
    advance(other, State::kSuperseded, context, "by " + installed.id);
    put_request(context.database, other);
  }
}

}  // namespace

RequestedNames names_of(store::Database& database, const StoredRequest& request) {
  RequestedNames out = names_for(topology_of(database, request.pool), request.pool, request.role,
                                 request.ca_kind, request.server);
  if (same_names(request.sans, out.dns_sans())) return out;
  throw Error(Errc::kConflict, "the topology has changed since the request '" + request.id +
                                   "' was made; run 'poolkey request create' again");
}

policy::Permit issue_permit(keys::Context& context, const StoredRequest& request,
                            Duration validity) {
  const keys::StoredKey key = keys::key(context.database, request.key);
  const policy::Policy policy = keys::policy_of(context.database, key);
  policy::Facts facts{.action = policy::Action::kIssue, .key = key.name, .pool = request.pool};
  facts.algorithm = key.public_key.algorithm();
  facts.role = request.role;
  facts.ca = request.ca_kind;
  facts.validity = validity;
  facts.key_age = context.clock.now() - key.created;
  facts.safeguarded = pool::safeguarded(context.database, key.name);
  state_usages(policy, facts);
  return keys::permit(context, policy, facts);
}

Expected expected_of(keys::Context& context, const StoredRequest& request) {
  const Topology topology = topology_of(context.database, request.pool);
  const Authority& authority = topology.authority(request.ca);
  const keys::StoredKey key = keys::key(context.database, request.key);
  const policy::Policy policy = keys::policy_of(context.database, key);
  Expected out{key.public_key, names_of(context.database, request)};
  out.pool = pool_context(topology, request.pool, request.role, request.ca_kind, request.server);
  out.max_validity = policy.lifetime().certificate.value;
  out.profiles = profiles_of(policy, authority);
  if (authority.route == Route::kEmbedded) {
    out.roots = {keys::origin_root(context.database)};
    return out;
  }
  out.intermediates = received_cas(context.database);
  out.roots = roots_of(authority, out.intermediates);
  out.crls = received_crls(context.database);
  return out;
}

void bind_certificate(keys::Context& context, StoredRequest& request,
                      const keys::StoredCertificate& certificate) {
  keys::insert_certificate(context.database, certificate, context.clock.now());
  advance(request, State::kAccepted, context,
          "serial " + certificate.certificate.serial() + ", until " +
              rfc3339(certificate.certificate.not_after()));
  put_request(context.database, request);
}

std::vector<std::string> note_installed(keys::Context& context, const PoolName& pool) {
  std::vector<std::string> out;
  const std::vector<pool::Observation> seen = pool::survey(context.database, pool);
  std::vector<StoredRequest> all = all_requests(context.database, pool);
  for (StoredRequest& request : all) {
    if (request.state != State::kAccepted || !is_everywhere(context.database, request, seen))
      continue;
    advance(request, State::kInstalled, context);
    out.push_back(request.id);
    for (StoredRequest& other : all) supersede_older(context, request, other);
    put_request(context.database, request);
  }
  return out;
}

}  // namespace poolkey::requests
