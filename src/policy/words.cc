#include "policy/words.h"

namespace poolkey::policy {
namespace {

constexpr Word<Algorithm> kAlgorithms[] = {{Algorithm::kRsa, "rsa"}, {Algorithm::kEc, "ec"}};

constexpr Word<Curve> kCurves[] = {
    {Curve::kP256, "P-256"}, {Curve::kP384, "P-384"}, {Curve::kP521, "P-521"}};

constexpr Word<Usage> kUsages[] = {
    {Usage::kTls, "tls"},
    {Usage::kCsr, "csr"},
    {Usage::kProof, "proof"},
    {Usage::kCertificate, "certificate"},
    {Usage::kEnvelope, "envelope"},
    {Usage::kAudit, "audit"},
    {Usage::kRevocation, "revocation"},
    {Usage::kDecrypt, "decrypt"},
    {Usage::kDerive, "derive"},
};

constexpr Word<Signing> kSignings[] = {{Signing::kSessionCopy, "session-copy"},
                                       {Signing::kTokenObject, "token-object"}};

constexpr Word<ExportMode> kModes[] = {{ExportMode::kNone, "none"},
                                       {ExportMode::kWrapped, "wrapped"}};

constexpr Word<Suite> kSuites[] = {{Suite::kOaepSha256Kwp, "rsa-oaep-sha256+aes256-kwp"},
                                   {Suite::kOaepSha1Kwp, "rsa-oaep-sha1+aes256-kwp"}};

constexpr Word<Role> kRoles[] = {
    {Role::kEdgeExternal, "edge-external"},
    {Role::kAvAuthentication, "av-authentication"},
    {Role::kEdgeInternal, "edge-internal"},
    {Role::kReverseProxy, "reverse-proxy"},
    {Role::kDirector, "director"},
    {Role::kFrontEnd, "front-end"},
    {Role::kWebInternal, "web-internal"},
    {Role::kWebExternal, "web-external"},
    {Role::kOauth, "oauth"},
    {Role::kRoot, "root"},
    {Role::kIssuingCa, "issuing-ca"},
    {Role::kEnvelopeSigner, "envelope-signer"},
    {Role::kAuditSigner, "audit-signer"},
    {Role::kOcspSigner, "ocsp-signer"},
};

constexpr Word<LintProfile> kLintProfiles[] = {{LintProfile::kPublicBr, "public-br"},
                                               {LintProfile::kLync, "lync"},
                                               {LintProfile::kInternal, "internal"}};

constexpr Word<KeyUsage> kKeyUsages[] = {{KeyUsage::kDigitalSignature, "digitalSignature"},
                                         {KeyUsage::kKeyEncipherment, "keyEncipherment"},
                                         {KeyUsage::kKeyCertSign, "keyCertSign"},
                                         {KeyUsage::kCrlSign, "cRLSign"}};

constexpr Word<ExtendedKeyUsage> kExtendedKeyUsages[] = {
    {ExtendedKeyUsage::kServerAuth, "serverAuth"},
    {ExtendedKeyUsage::kClientAuth, "clientAuth"},
    {ExtendedKeyUsage::kEmailProtection, "emailProtection"},
    {ExtendedKeyUsage::kOcspSigning, "OCSPSigning"}};

constexpr Word<OrganizationalUnit> kUnits[] = {{OrganizationalUnit::kAllowed, "allowed"},
                                               {OrganizationalUnit::kForbidden, "forbidden"}};

constexpr Word<Hash> kHashes[] = {{Hash::kSha256, "sha256"}, {Hash::kSha384, "sha384"}};

constexpr Word<CaKind> kCaKinds[] = {{CaKind::kInternal, "internal"}, {CaKind::kPublic, "public"}};

constexpr Word<WrapWithTrusted> kWrapWithTrusteds[] = {{WrapWithTrusted::kEnforced, "enforced"},
                                                       {WrapWithTrusted::kIgnored, "ignored"},
                                                       {WrapWithTrusted::kUnknown, "unknown"}};

constexpr Word<Action> kActions[] = {
    {Action::kGenerate, "generate"}, {Action::kSign, "sign"},       {Action::kRelease, "release"},
    {Action::kAccept, "accept"},     {Action::kProve, "prove"},     {Action::kRequest, "request"},
    {Action::kIssue, "issue"},       {Action::kInstall, "install"}, {Action::kDestroy, "destroy"},
};

}  // namespace

template <>
std::span<const Word<Algorithm>> words() {
  return kAlgorithms;
}
template <>
std::span<const Word<Curve>> words() {
  return kCurves;
}
template <>
std::span<const Word<Usage>> words() {
  return kUsages;
}
template <>
std::span<const Word<Signing>> words() {
  return kSignings;
}
template <>
std::span<const Word<ExportMode>> words() {
  return kModes;
}
template <>
std::span<const Word<Suite>> words() {
  return kSuites;
}
template <>
std::span<const Word<Role>> words() {
  return kRoles;
}
template <>
std::span<const Word<LintProfile>> words() {
  return kLintProfiles;
}
template <>
std::span<const Word<KeyUsage>> words() {
  return kKeyUsages;
}
template <>
std::span<const Word<ExtendedKeyUsage>> words() {
  return kExtendedKeyUsages;
}
template <>
std::span<const Word<OrganizationalUnit>> words() {
  return kUnits;
}
template <>
std::span<const Word<Hash>> words() {
  return kHashes;
}
template <>
std::span<const Word<CaKind>> words() {
  return kCaKinds;
}
template <>
std::span<const Word<WrapWithTrusted>> words() {
  return kWrapWithTrusteds;
}
template <>
std::span<const Word<Action>> words() {
  return kActions;
}

bool is_signature(Usage usage) noexcept {
  return usage != Usage::kDecrypt && usage != Usage::kDerive;
}

}  // namespace poolkey::policy
