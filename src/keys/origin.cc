#include "keys/origin.h"

#include <array>

#include "base/parallel.h"
#include "crypto/signature.h"
#include "keys/certificate_object.h"
#include "keys/generate.h"
#include "home/oids.h"
#include "keys/outside_head.h"
#include "keys/signer.h"

namespace poolkey::keys {
namespace {

/// Signatures at the same time: SoftHSM gains from as many as there are cores, and a network HSM
/// serves no more sessions than it was sold with.
constexpr unsigned kMostSigners = 4;

struct Row {
  OriginRole role;
  std::string_view name;  ///< of the key, and of the policy's role
  std::string_view common_name;
  policy::Role policy_role;
  bool is_ca;
  int path_length;
  std::string_view extended_key_usage;
};

constexpr std::array kRows{
    Row{OriginRole::kRoot, "root", "poolkey root", policy::Role::kRoot, true, 1, ""},
    Row{OriginRole::kIssuingCa, "issuing-ca", "poolkey issuing CA", policy::Role::kIssuingCa, true,
        0, ""},
    Row{OriginRole::kEnvelopeSigner, "envelope-signer", "poolkey envelope signer",
        policy::Role::kEnvelopeSigner, false, 0, home::oid::kEnvelopeSigner},
    Row{OriginRole::kAuditSigner, "audit-signer", "poolkey audit signer",
        policy::Role::kAuditSigner, false, 0, home::oid::kAuditSigner},
};

const Row& row(OriginRole role) {
  return *std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.role == role; });
}

crypto::CertificateSpec specification(const Row& row, const policy::Policy& policy,
                                      const std::string& organization, const std::string& holder,
                                      Time now, Time limit) {
  crypto::CertificateSpec spec;
  spec.subject.common_name = std::string(row.common_name) + holder;
  spec.subject.organization = organization;
  spec.not_before = now;
  // Inclusive at both ends (RFC 5280 4.1.2.5), so a second less than the days allowed.
  spec.not_after = std::min<Time>(now + policy.lifetime().certificate.value - Duration(1), limit);
  spec.is_ca = row.is_ca;
  if (row.is_ca) {
    spec.path_length = row.path_length;
    spec.key_usage = {crypto::KeyUsage::kKeyCertSign, crypto::KeyUsage::kCrlSign};
  } else {
    spec.key_usage = {crypto::KeyUsage::kDigitalSignature};
    spec.extended_key_usage = {std::string(home::oid::kEmailProtection),
                               std::string(row.extended_key_usage)};
  }
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
  if (row.is_ca)
    facts.key_usage = {KeyUsage::kKeyCertSign, KeyUsage::kCrlSign};
  else
    facts.key_usage = {KeyUsage::kDigitalSignature};
  if (!row.is_ca) facts.extended_key_usage = {policy::ExtendedKeyUsage::kEmailProtection};
  return facts;
}

/// Issues the certificate of one of the four, by the root (or by itself, for the root). `holder`
/// follows the common name.
crypto::Certificate certify(Context& context, const Row& row, const StoredKey& subject,
                            const policy::Policy& policy, const std::string& organization,
                            const store::Operation& operation, const std::string& holder = "") {
  const Time now = context.clock.now();
  const bool is_root = row.role == OriginRole::kRoot;
  const StoredKey issuer_key =
      is_root ? subject : origin_signer(context.database, OriginRole::kRoot).key;
  const std::optional<crypto::Certificate> issuer =
      is_root ? std::nullopt : std::optional(origin_root(context.database));
  const crypto::CertificateSpec spec = specification(row, policy, organization, holder, now,
                                                     issuer ? issuer->not_after() : Time::max());
  const Duration validity = spec.not_after - spec.not_before;
  policy::Permit issue =
      permit(context, policy, issue_facts(row, subject, validity, now - subject.created));
  issue.require(policy::Action::kIssue, subject.name.str());
  policy::Facts sign{.action = policy::Action::kSign, .key = issuer_key.name};
  sign.algorithm = issuer_key.public_key.algorithm();
  sign.key_age = now - issuer_key.created;
  sign.usage = policy::Usage::kCertificate;
  sign.validity = validity;
  if (row.is_ca) sign.path_length = static_cast<std::uint32_t>(row.path_length);
  const crypto::EvpPkey key =
      signing_key(context, permit(context, policy, sign), policy::Usage::kCertificate, issuer_key);
  std::optional<crypto::Certificate> made;
  record(context, "certificate issue", subject.name.str(), issue.rule(), &operation,
         [&]() -> json::object {
           made = crypto::Certificate::from_der(
               is_root
                   ? crypto::issue_self_signed(spec, key.get(), context.library)
                   : crypto::issue(spec, subject.public_key, *issuer, key.get(), context.library));
           return {{"subject", made->subject()},
                   {"serial", made->serial()},
                   {"sha256", hex(made->sha256())},
                   {"not_after", rfc3339(made->not_after())}};
         });
  return *made;
}

/// The certificate of one of the four: issued once, stored, and put beside its key.
void ensure_certificate(Context& context, const Row& row, const StoredKey& subject,
                        const policy::Policy& policy, const std::string& organization) {
  store::Operation operation = context.journal.begin("origin certificate", std::string(row.name));
  const crypto::Certificate made =
      crypto::Certificate::from_der(from_base64(operation.step("issue", [&] {
        const auto stored = certificate_of(context.database, subject.name);
        return base64((stored ? stored->certificate
                              : certify(context, row, subject, policy, organization, operation))
                          .der());
      })));
  operation.step("record", [&]() -> std::string {
    if (certificate_of(context.database, subject.name)) return "already";
    std::vector<crypto::Certificate> chain;
    if (row.role != OriginRole::kRoot) chain.push_back(origin_root(context.database));
    insert_certificate(context.database, {made, chain, subject.name, ""}, context.clock.now());
    return "done";
  });
  operation.step("token", [&]() -> std::string {
    return put_certificate(*context.token, made, subject.name.str(), subject.id) ? "written"
                                                                                 : "there";
  });
  operation.finish();
}

}  // namespace

void create_origin(Context& context, const policy::Policy& policy,
                   const std::string& organization) {
  for (const Row& row : kRows) {
    const KeyVersion version{KeyName(row.name), 1};
    if (!find_key(context.database, version)) generate(context, version.key, std::nullopt, policy);
    context.journal.settle("key generate", row.name);
    ensure_certificate(context, row, key(context.database, version), policy, organization);
  }
}

std::vector<std::string> delegated_roles() {
  std::vector<std::string> out;
  for (const Row& row : kRows)
    if (row.role != OriginRole::kRoot) out.emplace_back(row.name);
  return out;
}

void create_delegate_keys(Context& context, const policy::Policy& policy) {
  for (const std::string& role : delegated_roles()) {
    if (!find_key(context.database, {KeyName(role), 1}))
      generate(context, KeyName(role), std::nullopt, policy);
    context.journal.settle("key generate", role);
  }
}

crypto::Certificate certify_delegate(Context& context, const std::string& role,
                                     const crypto::PublicKey& key, const std::string& standby,
                                     const store::Operation& operation) {
  const auto found =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.name == role; });
  if (found == kRows.end() || found->role == OriginRole::kRoot)
    throw Error(Errc::kInvalidArgument, "'" + role + "' is no role of a standby's key");
  const StoredKey root = origin_signer(context.database, OriginRole::kRoot).key;
  const StoredKey subject{{KeyName(role), 1}, std::nullopt, root.policy_sha256, key, {}, "",
                          context.clock.now()};
  return certify(context, *found, subject, policy_of(context.database, root), "", operation,
                 ", standby " + standby);
}

StoredKey audit_signer(store::Database& database) {
  return key(database, {KeyName(row(OriginRole::kAuditSigner).name), 1});
}

OriginSigner origin_signer(store::Database& database, OriginRole role) {
  const KeyVersion version{KeyName(row(role).name), 1};
  const auto certificate = certificate_of(database, version);
  if (!certificate)
    throw Error(Errc::kNotFound,
                "this origin has no " + std::string(row(role).common_name) +
                    " yet; run 'poolkey origin init' (again, if it was interrupted)");
  return {key(database, version), certificate->certificate, certificate->chain};
}

crypto::Certificate origin_root(store::Database& database) {
  return origin_signer(database, OriginRole::kRoot).certificate;
}

DocumentSigner::DocumentSigner(Context& context)
    : signer_(origin_signer(context.database, OriginRole::kEnvelopeSigner)),
      key_(signing_key(context, policy::Usage::kEnvelope, signer_.key)),
      cms_(signer_.certificate, key_.get(), signer_.chain, context.library) {}

Bytes DocumentSigner::sign(std::string_view content_type, const json::object& document) const {
  // One member a line: an auditor reads it with line tools.
  return cms_.sign(view(json::pretty(document)), content_type);
}

std::vector<Bytes> DocumentSigner::sign_all(std::string_view content_type,
                                            const std::vector<json::object>& documents) const {
  std::vector<Bytes> out(documents.size());
  for_each_index(documents.size(), kMostSigners,
                 [&](std::size_t i) { out[i] = sign(content_type, documents[i]); });
  return out;
}

Bytes sign_document(Context& context, std::string_view content_type, const json::object& document) {
  return DocumentSigner(context).sign(content_type, document);
}

void checkpoint_origin(Context& context) {
  const StoredKey signer = audit_signer(context.database);
  const crypto::EvpPkey key = signing_key(context, policy::Usage::kAudit, signer);
  checkpoint(
      context,
      [&](ByteView message) { return crypto::sign(key.get(), "SHA384", message, context.library); },
      hex(signer.public_key.spki_sha256()));
}

}  // namespace poolkey::keys
