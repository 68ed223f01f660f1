#include "requests/ca/responder.h"

#include <algorithm>

#include "crypto/digest.h"
#include "keys/generate.h"
#include "keys/issued.h"
#include "keys/signer.h"
#include "pool/safeguard.h"
#include "requests/ca/revocation_list.h"

namespace poolkey::requests {
namespace {

using keys::OriginRole;
using keys::OriginSigner;

constexpr std::string_view kVerb = "ocsp signer";

OcspReply refused(crypto::OcspRefusal refusal, std::string why) {
  return {crypto::ocsp_refusal(refusal), refusal, std::move(why), {}};
}

/// The CA key that all identifiers name; nothing where they name none, or several: a delegated
/// signer speaks for one.
std::optional<OriginSigner> issuer_of(store::Database& database,
                                      const std::vector<crypto::OcspCertId>& ids) {
  for (const OriginRole role : {OriginRole::kIssuingCa, OriginRole::kRoot})
    for (const OriginSigner& ca : keys::origin_versions(database, role))
      if (std::ranges::all_of(
              ids, [&](const crypto::OcspCertId& id) { return id.is_issued_by(ca.certificate); }))
        return ca;
  return std::nullopt;
}

/// One key for all CA keys, made under the policy of the one that is asked about first; another
/// when its policy would soon let it sign no more.
keys::StoredKey signer_key(keys::Context& context, const CaConfig& config, const OriginSigner& ca) {
  store::Database& database = context.database;
  const KeyName name{std::string(keys::key_name(OriginRole::kOcspSigner))};
  const auto newest = [&] { return KeyVersion{name, keys::newest_version(database, name)}; };
  if (const auto key = keys::find_key(database, newest())) {
    context.journal.settle("key generate", name.str());
    const Duration age = context.clock.now() - key->created;
    const Duration life = keys::policy_of(database, *key).lifetime().key.value;
    if (age + config.responder_validity + Days(1) < life) return *key;
  }
  const policy::Policy policy = keys::policy_of(database, ca.key);
  if (!policy::contains(policy.request().roles, policy::Role::kOcspSigner))
    throw Error(Errc::kDenied,
                ca.key.name.str() + " was made under a policy without the role 'ocsp-signer' (" +
                    policy.request().roles.where.str() +
                    "), and a policy stays with its key: it has no responder. 'poolkey ca rollover "
                    "issuing --policy policies/issuing-ca.toml' makes a CA that can");
  keys::generate(context, name, std::nullopt, policy);
  return keys::key(database, newest());
}

crypto::Certificate signer_certificate(keys::Context& context, const CaConfig& config,
                                       const OriginSigner& ca, const keys::StoredKey& key) {
  const Time now = context.clock.now();
  const std::string role{keys::key_name(OriginRole::kOcspSigner)};
  const auto held = keys::issued_to(context.database, key.public_key, ca.key.name, role,
                                    now + config.responder_validity / 3);
  if (held) {
    context.journal.settle(kVerb, ca.key.name.str());
    return crypto::Certificate::from_pem(held->pem);
  }
  store::Operation operation =
      context.journal.begin(kVerb, ca.key.name.str(), rfc3339(now).substr(0, 10));
  keys::Certification what{.role = OriginRole::kOcspSigner,
                           .subject = key,
                           .name = ca.certificate.content().name,
                           .issuer = ca,
                           .good_for = config.responder_validity / 3,
                           .not_after = now + config.responder_validity - Duration(1)};
  what.name.common_name =
      std::string(keys::common_name(OriginRole::kOcspSigner)) + " for " + ca.key.name.str();
  const std::string der = operation.step("issue", [&] {
    return base64(
        keys::certify(context, what, keys::policy_of(context.database, key), operation).der());
  });
  operation.finish();
  return crypto::Certificate::from_der(from_base64(der));
}

crypto::OcspAnswer answer(store::Database& database, const OriginSigner& ca,
                          const crypto::OcspCertId& id) {
  crypto::OcspAnswer out{.id = id};
  const auto found = keys::find_issued(database, id.serial);
  // Versions of the root share a name, and the register knows by which of them it was issued.
  if (!found || found->issuer != ca.key.name) return out;
  out.status = found->state == keys::IssuedState::kGood ? crypto::OcspStatus::kGood
                                                        : crypto::OcspStatus::kRevoked;
  out.revocation = found->revocation;
  return out;
}

}  // namespace

OcspReply answer_ocsp(keys::Context& context, const CaConfig& config, ByteView request) {
  crypto::OcspRequest asked;
  try {
    asked = crypto::parse_ocsp_request(request);
  } catch (const Error& error) {
    return refused(crypto::OcspRefusal::kMalformedRequest, error.what());
  }
  keys::register_earlier(context.database, context.clock.now());
  const auto ca = issuer_of(context.database, asked.ids);
  if (!ca)
    return refused(crypto::OcspRefusal::kUnauthorized,
                   "it asks about a certificate of another CA, or of several CA keys at once");
  const keys::StoredKey key = signer_key(context, config, *ca);
  const crypto::Certificate signer = signer_certificate(context, config, *ca, key);
  const Time now = context.clock.now();
  crypto::OcspResponseSpec spec{
      .answers = {},
      .produced_at = now,
      .this_update = now,
      .next_update = std::min(now + config.ocsp_validity, signer.not_after()),
      .nonce = asked.nonce};
  json::array told;
  for (const crypto::OcspCertId& id : asked.ids) {
    spec.answers.push_back(answer(context.database, *ca, id));
    told.emplace_back(json::object{{"serial", id.serial},
                                   {"status", std::string(name(spec.answers.back().status))}});
  }
  const RevocationKey allowed = revocation_key(context, key);
  OcspReply out{.der = {}, .answers = spec.answers};
  keys::record(context, "ca ocsp", ca->key.name.str(), allowed.rule, nullptr,
               [&]() -> json::object {
                 out.der = crypto::ocsp_response(spec, signer, allowed.key.get(), context.library);
                 return {{"answers", std::move(told)}, {"sha256", hex(crypto::sha256(out.der))}};
               });
  return out;
}

}  // namespace poolkey::requests
