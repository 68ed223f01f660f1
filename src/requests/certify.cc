#include "requests/certify.h"

#include "crypto/certificate.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "keys/issued.h"
#include "keys/signer.h"
#include "requests/ca/config.h"
#include "requests/create.h"
#include "requests/issue.h"

namespace poolkey::requests {
namespace {

const std::string kProfile{kPoolProfile};

IssueProfile profile_of(const policy::Policy& policy, keys::IssuerPointers pointers) {
  IssueProfile out;
  out.crl_distribution_points = std::move(pointers.crl);
  out.ca_issuers = std::move(pointers.ca_issuers);
  out.ocsp = std::move(pointers.ocsp);
  out.max_validity = policy.lifetime().certificate.value;
  for (const auto& u : policy.request().extended_key_usage.value)
    out.extended_key_usage.push_back(crypto::parse_extended_key_usage(policy::word(u.value)));
  for (const auto& u : policy.request().key_usage.value)
    out.key_usage.insert(crypto::parse_key_usage(policy::word(u.value)));
  return out;
}

crypto::EvpPkey ca_key(keys::Context& context, const keys::OriginSigner& ca, Duration validity) {
  policy::Facts facts{.action = policy::Action::kSign, .key = ca.key.name};
  facts.algorithm = ca.key.public_key.algorithm();
  facts.key_age = context.clock.now() - ca.key.created;
  facts.usage = policy::Usage::kCertificate;
  facts.validity = validity;
  return keys::signing_key(context,
                           keys::permit(context, keys::policy_of(context.database, ca.key), facts),
                           policy::Usage::kCertificate, ca.key);
}

/// A certificate that is ending may be renewed for the same request.
bool is_ending(const crypto::Certificate& certificate, Time now) {
  return requests::is_ending(certificate.not_before(), certificate.not_after(), now);
}

/// One that was revoked does not answer the request any more.
bool is_revoked(store::Database& database, const crypto::Certificate& certificate) {
  const auto issued = keys::find_issued(database, certificate.serial());
  return issued && issued->sha256 == hex(certificate.sha256()) &&
         issued->state != keys::IssuedState::kGood;
}

}  // namespace

bool EmbeddedRoute::is_handed_over(keys::Context& context, const StoredRequest& request) const {
  const auto stored = keys::certificate_of_request(context.database, request.id);
  // One that was issued before the topology changed is for other names and does not answer.
  return stored && same_names(stored->certificate.dns_sans(), request.sans) &&
         !is_revoked(context.database, stored->certificate) &&
         !is_ending(stored->certificate, context.clock.now());
}

std::optional<crypto::Certificate> EmbeddedRoute::submit(keys::Context& context,
                                                         const StoredRequest& request,
                                                         const store::Operation& operation) const {
  const Time now = context.clock.now();
  const std::string digest = hex(crypto::sha256(request.csr));
  if (const auto made = keys::issued_for(context.database, digest, kProfile, now))
    if (auto answer = crypto::Certificate::from_pem(made->pem); !is_ending(answer, now))
      return answer;
  const keys::StoredKey key = keys::key(context.database, request.key);
  const policy::Policy policy = keys::policy_of(context.database, key);
  const keys::OriginSigner ca = keys::issuing_ca(context.database);
  crypto::CertificateSpec spec =
      certificate_spec(crypto::parse_csr(request.csr),
                       profile_of(policy, ca_config(context.database).pointers(ca.key.name)),
                       ca.certificate.not_after(), now);
  const Duration validity = spec.not_after - spec.not_before;
  policy::Permit allowed = issue_permit(context, request, validity);
  allowed.require(policy::Action::kIssue, key.name.str());
  const crypto::EvpPkey signer = ca_key(context, ca, validity);
  std::optional<crypto::Certificate> out;
  keys::record(context, verb(), request.id, allowed.rule(), &operation, [&]() -> json::object {
    spec.serial = keys::fresh_serial(context);
    out = crypto::Certificate::from_der(
        crypto::issue(spec, key.public_key, ca.certificate, signer.get(), context.library));
    keys::register_issued(context.database, *out, ca.key.name, kProfile, digest, now);
    return {{"subject", out->subject()},
            {"serial", out->serial()},
            {"sha256", hex(out->sha256())},
            {"not_after", rfc3339(out->not_after())}};
  });
  return out;
}

std::vector<crypto::Certificate> EmbeddedRoute::above(keys::Context& context,
                                                      const crypto::Certificate& answer) const {
  return keys::chain_of(context.database, answer);
}

}  // namespace poolkey::requests
