#include "requests/certify.h"

#include "crypto/certificate.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "keys/issued.h"
#include "keys/signer.h"
#include "pool/repository.h"
#include "pool/safeguard.h"
#include "requests/answer.h"
#include "requests/ca/config.h"
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

policy::Permit issue_permit(keys::Context& context, const StoredRequest& request,
                            const keys::StoredKey& key, const policy::Policy& policy,
                            Duration validity) {
  policy::Facts facts{.action = policy::Action::kIssue, .key = key.name, .pool = request.pool};
  facts.algorithm = key.public_key.algorithm();
  facts.role = request.role;
  facts.ca = CaKind::kInternal;
  facts.validity = validity;
  facts.key_age = context.clock.now() - key.created;
  facts.safeguarded = pool::safeguarded(context.database, key.name);
  state_usages(policy, facts);
  return keys::permit(context, policy, facts);
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

/// One that was revoked does not answer the request any more.
bool is_revoked(store::Database& database, const crypto::Certificate& certificate) {
  const auto issued = keys::find_issued(database, certificate.serial());
  return issued && issued->sha256 == hex(certificate.sha256()) &&
         issued->state != keys::IssuedState::kGood;
}

}  // namespace

keys::StoredCertificate issue_certificate(keys::Context& context, const StoredRequest& request) {
  if (request.ca != kEmbeddedAuthority)
    throw Error(Errc::kInvalidArgument, "the request '" + request.id + "' is for the CA '" +
                                            request.ca +
                                            "', not for poolkey's own; hand it over "
                                            "with 'poolkey request export'");
  if (request.csr.empty())
    throw Error(Errc::kConflict,
                "the request '" + request.id + "' is " + std::string(name(request.state)) +
                    " and not signed: " + std::string(next_act(request.state, false)));
  const crypto::ParsedCsr csr = crypto::parse_csr(request.csr);
  Expected expected = expected_of(context, request);
  // One that was issued before the topology changed is for other names and does not answer.
  if (auto stored = keys::certificate_of_request(context.database, request.id);
      stored && stored->certificate.dns_sans() == csr.sans.dns &&
      !is_revoked(context.database, stored->certificate)) {
    context.journal.settle("certificate issue", request.id);
    return std::move(*stored);
  }
  const keys::StoredKey key = keys::key(context.database, request.key);
  const policy::Policy policy = keys::policy_of(context.database, key);
  const keys::OriginSigner ca = keys::issuing_ca(context.database);
  const Time now = context.clock.now();
  crypto::CertificateSpec spec =
      certificate_spec(csr, profile_of(policy, ca_config(context.database).pointers(ca.key.name)),
                       ca.certificate.not_after(), now);
  const Duration validity = spec.not_after - spec.not_before;
  policy::Permit allowed = issue_permit(context, request, key, policy, validity);
  allowed.require(policy::Action::kIssue, key.name.str());
  const crypto::EvpPkey signer = ca_key(context, ca, validity);
  const std::string digest = hex(crypto::sha256(request.csr));
  store::Operation operation = context.journal.begin("certificate issue", request.id, digest);
  // The DER is the step's result: a run that was interrupted after it gives this certificate, and
  // never a second one for one request.
  const std::string der = operation.step("issue", [&] {
    if (const auto made = keys::issued_for(context.database, digest, kProfile, now))
      return base64(crypto::Certificate::from_pem(made->pem).der());
    std::string out;
    keys::record(
        context, "certificate issue", request.id, allowed.rule(), &operation,
        [&]() -> json::object {
          spec.serial = keys::fresh_serial(context);
          const crypto::Certificate made = crypto::Certificate::from_der(
              crypto::issue(spec, key.public_key, ca.certificate, signer.get(), context.library));
          keys::register_issued(context.database, made, ca.key.name, kProfile, digest, now);
          out = base64(made.der());
          return {{"subject", made.subject()},
                  {"serial", made.serial()},
                  {"sha256", hex(made.sha256())},
                  {"not_after", rfc3339(made.not_after())}};
        });
    return out;
  });
  const auto certificate = crypto::Certificate::from_der(from_base64(der));
  const keys::StoredCertificate made{certificate, keys::chain_of(context.database, certificate),
                                     key.name, request.id};
  expected.intermediates = made.chain;
  if (const Acceptance found = check_certificate(certificate, expected, context.clock.now());
      !found.faults.empty())
    throw Error(Errc::kCorrupt, sentence_of("the certificate for " + key.name.str(), found.faults));
  operation.step("accept", [&]() -> std::string {
    store::Transaction transaction(context.database);
    StoredRequest life = find_request(context.database, request.id);
    for (const State state : {State::kSubmitted, State::kIssued})
      if (may_follow(life.state, state)) advance(life, state, context);
    bind_certificate(context, life, made);
    transaction.commit();
    return "done";
  });
  operation.finish();
  return made;
}

}  // namespace poolkey::requests
