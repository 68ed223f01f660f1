// Certificates of pools; the internal CA: what it signed, for whom, and what it publishes.
#include "app/view.h"
#include "keys/issued.h"
#include "pool/certificates.h"
#include "pool/recipient.h"
#include "requests/ca/revocation_list.h"
#include "requests/ca/revoke.h"
#include "requests/ca/sign.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;

Response list_certificates(Call& call) {
  std::vector<Entry> entries;
  const Time now = call.context().clock.now();
  for (const PoolName& pool : pool::pools(call.side.database())) {
    if (pool::is_standby(pool) || !may(call, AccessAction::kCertificateRead, {.pool = pool.str()}))
      continue;
    for (const pool::KnownCertificate& c :
         pool::known_certificates(call.side.database(), pool, now)) {
      json::object one = app::certificate_view(c);
      one["pool"] = pool.str();
      entries.push_back({hex(c.stored.certificate.sha256()), std::move(one)});
    }
  }
  return list_response(call, "certificates", std::move(entries));
}

Response show_certificate(Call& call) {
  const pool::KnownCertificate c = pool::find_certificate(
      call.side.database(), call.parameter("thumbprint"), call.context().clock.now());
  authorize(call, AccessAction::kCertificateRead, {.pool = c.pool.str()});
  json::object out = app::certificate_view(c);
  out["pool"] = c.pool.str();
  out["certificate"] = c.stored.certificate.pem();
  out["chain"] = app::pem_of(c.stored.chain);
  return tagged_response(call.request, out);
}

/// The caller's own request, certified under a profile of the CA.
Response sign(Call& call) {
  const json::object wish = call.document();
  const std::string profile = json::text(wish, "profile", "the request's body");
  authorize(call, AccessAction::kCertificateSign, {.profile = profile});
  const crypto::ParsedCsr csr =
      crypto::parse_csr(view(json::text(wish, "csr", "the request's body")));
  const requests::ForeignCertificate made = counted(call, 1, [&] {
    return requests::sign_foreign(call.context(), requests::ca_config(call.side.database()), csr,
                                  profile);
  });
  if (made.already)
    give_back_signatures(call, 1);
  else
    call.shared.metrics().count_signatures("certificate", 1);
  json::object out = app::issued_view(made.issued, call.context().clock.now());
  out["certificate"] = made.issued.pem;
  out["chain"] = app::pem_of(made.chain);
  out["remarks"] = app::words_view(made.remarks);
  return json_response(out, made.already ? 200 : 201);
}

Response list_issued(Call& call) {
  authorize(call, AccessAction::kCertificateRead, {});
  std::vector<Entry> entries;
  const Time now = call.context().clock.now();
  for (const keys::IssuedCertificate& one : keys::all_issued(call.side.database()))
    entries.push_back({one.serial, app::issued_view(one, now)});
  return list_response(call, "certificates", std::move(entries));
}

/// Lists are made at once, so that those who only read lists know it as well.
Response revoke(Call& call) {
  const auto issued = keys::find_issued(call.side.database(), call.parameter("serial"));
  if (!issued)
    throw Error(Errc::kNotFound, "the CA issued no certificate '" + call.parameter("serial") + "'");
  authorize(call, AccessAction::kCertificateRevoke, {.profile = issued->profile});
  const std::string reason = json::text(call.document(), "reason", "the request's body");
  const requests::RevocationResult done =
      requests::revoke(call.context(), *issued, crypto::parse_revocation_reason(reason));
  (void)requests::make_crls(call.context(), requests::ca_config(call.side.database()));
  return json_response(app::issued_view(done.certificate, call.context().clock.now()));
}

Response ca_chain(Call& call) {
  const keys::OriginSigner ca = keys::issuing_ca(call.side.database());
  return tagged_octets(call.request, "application/x-pem-file",
                       ca.certificate.pem() + app::pem_of(ca.chain));
}

Response crl(Call& call) {
  const std::string& file = call.parameter("file");
  for (const keys::OriginRole role : {keys::OriginRole::kRoot, keys::OriginRole::kIssuingCa})
    for (const keys::OriginSigner& ca : keys::origin_versions(call.side.database(), role)) {
      if (requests::crl_file(ca.key.name) != file) continue;
      const auto newest = keys::newest_crl(call.side.database(), ca.key.name);
      if (!newest) break;
      const Bytes& der = newest->der();
      return tagged_octets(call.request, "application/pkix-crl",
                           std::string(der.begin(), der.end()));
    }
  throw Error(Errc::kNotFound, "there is no revocation list '" + file + "'");
}

}  // namespace

std::span<const Route> certificate_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/certificates",
       .action = AccessAction::kCertificateRead,
       .summary = "Certificates of the pools, and which members have them",
       .query = "after limit",
       .answer = "CertificateList",
       .handle = list_certificates},
      {.method = "GET",
       .path = "/v1/certificates/{thumbprint}",
       .action = AccessAction::kCertificateRead,
       .summary = "A certificate by its SHA-1 or SHA-256, with its chain",
       .answer = "Certificate",
       .handle = show_certificate},
      {.method = "POST",
       .path = "/v1/certificates",
       .action = AccessAction::kCertificateSign,
       .summary = "Has the internal CA certify the caller's own PKCS#10 under a profile",
       .body = json_body("SignWish"),
       .repeat = Repeat::kKeyed,
       .answer = "IssuedCertificate",
       .handle = sign},
      {.method = "GET",
       .path = "/v1/ca/register",
       .action = AccessAction::kCertificateRead,
       .summary = "Everything that the internal CA issued",
       .query = "after limit",
       .answer = "IssuedCertificateList",
       .handle = list_issued},
      {.method = "POST",
       .path = "/v1/ca/register/{serial}/revocation",
       .action = AccessAction::kCertificateRevoke,
       .summary = "Revokes a certificate of the internal CA",
       .body = json_body("RevocationWish"),
       .repeat = Repeat::kIdempotent,
       .answer = "IssuedCertificate",
       .handle = revoke},
      {.method = "GET",
       .path = "/v1/ca/certificates",
       .access = Access::kPublic,
       .summary = "The issuing CA and what stands above it, PEM, the root last",
       .handle = ca_chain},
      {.method = "GET",
       .path = "/v1/ca/crls/{file}",
       .access = Access::kPublic,
       .summary = "The newest revocation list of a CA key, DER",
       .handle = crl},
  };
  return routes;
}

}  // namespace poolkey::service
