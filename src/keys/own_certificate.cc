#include "keys/own_certificate.h"

#include <algorithm>
#include <array>

#include "home/oids.h"
#include "keys/issued.h"
#include "keys/signer.h"

namespace poolkey::keys {
namespace {

struct Row {
  OriginRole role;
  std::string_view name;  ///< of the key, and of the policy's role
  std::string_view common_name;
  policy::Role policy_role;
  int path_length;  ///< of a CA; -1: it is none
  std::string_view extended_key_usage;
  bool in_setup;  ///< made when an origin is set up
};

constexpr int kNoCa = -1;
constexpr std::array kRows{
    Row{OriginRole::kRoot, "root", "poolkey root", policy::Role::kRoot, 1, "", true},
    Row{OriginRole::kIssuingCa, "issuing-ca", "poolkey issuing CA", policy::Role::kIssuingCa, 0, "",
        true},
    Row{OriginRole::kEnvelopeSigner, "envelope-signer", "poolkey envelope signer",
        policy::Role::kEnvelopeSigner, kNoCa, home::oid::kEnvelopeSigner, true},
    Row{OriginRole::kAuditSigner, "audit-signer", "poolkey audit signer",
        policy::Role::kAuditSigner, kNoCa, home::oid::kAuditSigner, true},
    Row{OriginRole::kOcspSigner, "ocsp-signer", "poolkey OCSP responder", policy::Role::kOcspSigner,
        kNoCa, crypto::kOcspSigning, false},
};

const Row& row(OriginRole role) { return *std::ranges::find(kRows, role, &Row::role); }

bool is_ca(const Row& row) { return row.path_length != kNoCa; }
bool is_responder(const Row& row) { return row.role == OriginRole::kOcspSigner; }

crypto::CertificateSpec specification(const Row& row, const Certification& what,
                                      const policy::Policy& policy, Time now) {
  crypto::CertificateSpec spec;
  spec.subject = what.name;
  spec.not_before = what.not_before.value_or(now);
  // Inclusive at both ends (RFC 5280 4.1.2.5), so a second less than the days allowed.
  spec.not_after = std::min(what.not_after.value_or(Time::max()),
                            Time(now + policy.lifetime().certificate.value - Duration(1)));
  if (what.issuer) spec.not_after = std::min(spec.not_after, what.issuer->certificate.not_after());
  spec.is_ca = is_ca(row);
  if (is_ca(row)) {
    spec.path_length = row.path_length;
    spec.key_usage = {crypto::KeyUsage::kKeyCertSign, crypto::KeyUsage::kCrlSign};
  } else {
    spec.key_usage = {crypto::KeyUsage::kDigitalSignature};
    if (!is_responder(row)) spec.extended_key_usage = {std::string(home::oid::kEmailProtection)};
    spec.extended_key_usage.emplace_back(row.extended_key_usage);
  }
  spec.ocsp_no_check = is_responder(row);
  spec.crl_distribution_points = what.pointers.crl;
  spec.ca_issuers = what.pointers.ca_issuers;
  spec.ocsp = what.pointers.ocsp;
  spec.hash = policy.request().hash.value == policy::Hash::kSha384 ? "SHA384" : "SHA256";
  return spec;
}

policy::Facts issue_facts(const Row& row, const StoredKey& key, Duration validity, Duration age) {
  using policy::KeyUsage;
  policy::Facts facts{.action = policy::Action::kIssue, .key = key.name};
  facts.role = row.policy_role;
  facts.ca = policy::CaKind::kInternal;
  facts.validity = validity;
  facts.key_age = age;
  facts.algorithm = key.public_key.algorithm();
  if (is_ca(row)) {
    facts.key_usage = {KeyUsage::kKeyCertSign, KeyUsage::kCrlSign};
    return facts;
  }
  facts.key_usage = {KeyUsage::kDigitalSignature};
  facts.extended_key_usage = {is_responder(row) ? policy::ExtendedKeyUsage::kOcspSigning
                                                : policy::ExtendedKeyUsage::kEmailProtection};
  return facts;
}

crypto::EvpPkey issuer_key(Context& context, const Row& row, const StoredKey& issuer,
                           const policy::Policy& policy, Duration validity) {
  policy::Facts sign{.action = policy::Action::kSign, .key = issuer.name};
  sign.algorithm = issuer.public_key.algorithm();
  sign.key_age = context.clock.now() - issuer.created;
  sign.usage = policy::Usage::kCertificate;
  sign.validity = validity;
  if (is_ca(row)) sign.path_length = static_cast<std::uint32_t>(row.path_length);
  return signing_key(context, permit(context, policy, sign), policy::Usage::kCertificate, issuer);
}

}  // namespace

std::string_view key_name(OriginRole role) { return row(role).name; }
std::string_view common_name(OriginRole role) { return row(role).common_name; }

std::vector<OriginRole> roles_of_setup() {
  std::vector<OriginRole> out;
  for (const Row& row : kRows)
    if (row.in_setup) out.push_back(row.role);
  return out;
}

crypto::Certificate certify(Context& context, const Certification& what,
                            const policy::Policy& policy, const store::Operation& operation) {
  const Row& role = row(what.role);
  const Time now = context.clock.now();
  const StoredKey& issuer = what.issuer ? what.issuer->key : what.subject;
  const std::string profile = what.profile.empty() ? std::string(role.name) : what.profile;
  if (const auto made = issued_to(context.database, what.subject.public_key, issuer.name, profile,
                                  now + what.good_for))
    return crypto::Certificate::from_pem(made->pem);
  crypto::CertificateSpec spec = specification(role, what, policy, now);
  // What lies ahead counts: a cross-certificate begins where the old key did.
  const Duration validity = spec.not_after - std::max(spec.not_before, now);
  policy::Permit issue = permit(
      context, policy, issue_facts(role, what.subject, validity, now - what.subject.created));
  issue.require(policy::Action::kIssue, what.subject.name.str());
  const crypto::EvpPkey key = issuer_key(
      context, role, issuer, what.issuer ? policy_of(context.database, issuer) : policy, validity);
  std::optional<crypto::Certificate> made;
  record(context, "certificate issue", what.subject.name.str(), issue.rule(), &operation,
         [&]() -> json::object {
           spec.serial = fresh_serial(context);
           made = crypto::Certificate::from_der(
               what.issuer ? crypto::issue(spec, what.subject.public_key, what.issuer->certificate,
                                           key.get(), context.library)
                           : crypto::issue_self_signed(spec, key.get(), context.library));
           register_issued(context.database, *made, issuer.name, profile, "", now);
           return {{"subject", made->subject()},
                   {"issuer", issuer.name.str()},
                   {"serial", made->serial()},
                   {"sha256", hex(made->sha256())},
                   {"not_after", rfc3339(made->not_after())}};
         });
  return *made;
}

}  // namespace poolkey::keys
