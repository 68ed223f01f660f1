#include "keys/origin.h"

#include "base/parallel.h"
#include "crypto/signature.h"
#include "keys/certificate_object.h"
#include "keys/generate.h"
#include "keys/outside_head.h"
#include "keys/own_certificate.h"
#include "keys/signer.h"

namespace poolkey::keys {
namespace {

/// Signatures at the same time: SoftHSM gains from as many as there are cores, and a network HSM
/// serves no more sessions than it was sold with.
constexpr unsigned kMostSigners = 4;

/// The certificate of one of the four by the root, or by itself for the root: issued once, stored,
/// and put beside its key.
void ensure_certificate(Context& context, OriginRole role, const StoredKey& subject,
                        const policy::Policy& policy, const std::string& organization) {
  store::Operation operation =
      context.journal.begin("origin certificate", std::string(key_name(role)));
  const crypto::Certificate made =
      crypto::Certificate::from_der(from_base64(operation.step("issue", [&] {
        const auto stored = certificate_of(context.database, subject.name);
        if (stored) return base64(stored->certificate.der());
        Certification what{.role = role, .subject = subject, .name = {}};
        what.name.common_name = common_name(role);
        what.name.organization = organization;
        if (role != OriginRole::kRoot)
          what.issuer = origin_signer(context.database, OriginRole::kRoot);
        return base64(certify(context, what, policy, operation).der());
      })));
  operation.step("record", [&]() -> std::string {
    if (certificate_of(context.database, subject.name)) return "already";
    std::vector<crypto::Certificate> chain;
    if (role != OriginRole::kRoot) chain.push_back(origin_root(context.database));
    insert_certificate(context.database, {made, chain, subject.name, ""}, context.clock.now());
    return "done";
  });
  operation.step("token", [&]() -> std::string {
    return put_certificate(*context.token, made, subject.name.str(), subject.id) ? "written"
                                                                                 : "there";
  });
  operation.finish();
}

KeyVersion version_of(OriginRole role, std::uint32_t version) {
  return {KeyName(key_name(role)), version};
}

/// A version with its certificate, if it has one.
std::optional<OriginSigner> certified(store::Database& database, const KeyVersion& version) {
  const auto certificate = certificate_of(database, version);
  if (!certificate) return std::nullopt;
  return OriginSigner{key(database, version), certificate->certificate, certificate->chain};
}

}  // namespace

void create_origin(Context& context, const policy::Policy& policy,
                   const std::string& organization) {
  for (const OriginRole role : roles_of_setup()) {
    const KeyVersion version = version_of(role, 1);
    if (!find_key(context.database, version)) generate(context, version.key, std::nullopt, policy);
    context.journal.settle("key generate", key_name(role));
    ensure_certificate(context, role, key(context.database, version), policy, organization);
  }
}

std::vector<std::string> delegated_roles() {
  std::vector<std::string> out;
  for (const OriginRole role : roles_of_setup())
    if (role != OriginRole::kRoot) out.emplace_back(key_name(role));
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
  for (const OriginRole known : roles_of_setup()) {
    if (key_name(known) != role || known == OriginRole::kRoot) continue;
    const OriginSigner root = origin_signer(context.database, OriginRole::kRoot);
    Certification what{.role = known,
                       .subject = {version_of(known, 1),
                                   std::nullopt,
                                   root.key.policy_sha256,
                                   key,
                                   {},
                                   "",
                                   context.clock.now()},
                       .name = {},
                       .issuer = root};
    what.name.common_name = std::string(common_name(known)) + ", standby " + standby;
    return certify(context, what, policy_of(context.database, root.key), operation);
  }
  throw Error(Errc::kInvalidArgument, "'" + role + "' is no role of a standby's key");
}

StoredKey audit_signer(store::Database& database) {
  return key(database, version_of(OriginRole::kAuditSigner, 1));
}

std::vector<OriginSigner> origin_versions(store::Database& database, OriginRole role) {
  std::vector<OriginSigner> out;
  for (const KeyVersion& version : versions_of(database, KeyName(key_name(role))))
    if (auto signer = certified(database, version)) out.push_back(std::move(*signer));
  return out;
}

OriginSigner origin_signer(store::Database& database, OriginRole role) {
  if (role == OriginRole::kIssuingCa) {
    std::vector<OriginSigner> versions = origin_versions(database, role);
    if (!versions.empty()) return std::move(versions.back());
  } else if (auto signer = certified(database, version_of(role, 1))) {
    return std::move(*signer);
  }
  throw Error(Errc::kNotFound,
              "this origin has no " + std::string(common_name(role)) +
                  " yet; run 'poolkey origin init' (again, if it was interrupted)");
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
