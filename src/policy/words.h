// The closed vocabularies of policies: every word a policy file may use, as an enum and a table.
// May touch: std only. Called by: the rest of policy, and whoever states facts or prints decisions.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poolkey::policy {

enum class Algorithm { kRsa, kEc };
enum class Curve { kP256, kP384, kP521 };

/// What a key is used for. All but the last two are signatures, told apart by their purpose.
enum class Usage {
  kTls,          ///< the service's own signatures: TLS handshakes, media relay tokens
  kCsr,          ///< certificate requests for the key itself
  kProof,        ///< receipts: a member shows that it holds the key
  kCertificate,  ///< certificates for other keys
  kEnvelope,     ///< envelopes, attestations and members' state
  kAudit,        ///< checkpoints of the audit log
  kRevocation,   ///< revocation lists and OCSP responses
  kDecrypt,
  kDerive,
};

enum class Signing { kSessionCopy, kTokenObject };
enum class ExportMode { kNone, kWrapped };

/// How a wrapped key travels: RSA-OAEP (hash and MGF1 alike) of an AES-256 key, AES-KWP of the
/// rest.
enum class Suite { kOaepSha256Kwp, kOaepSha1Kwp };

/// What a certificate is for.
enum class Role {
  kEdgeExternal,
  kAvAuthentication,  ///< where it has a certificate of its own beside the external one
  kEdgeInternal,
  kReverseProxy,
  kDirector,  ///< its Default certificate
  kFrontEnd,  ///< its Default certificate
  kWebInternal,
  kWebExternal,
  kOauth,
  kRoot,
  kIssuingCa,
  kEnvelopeSigner,
  kAuditSigner,
  kOcspSigner,
};

enum class LintProfile { kPublicBr, kLync, kInternal };
enum class KeyUsage { kDigitalSignature, kKeyEncipherment, kKeyCertSign, kCrlSign };
enum class ExtendedKeyUsage { kServerAuth, kClientAuth, kEmailProtection, kOcspSigning };
enum class OrganizationalUnit { kAllowed, kForbidden };
enum class Hash { kSha256, kSha384 };
enum class CaKind { kInternal, kPublic };

/// What a token makes of CKA_WRAP_WITH_TRUSTED, as the doctor found it.
enum class WrapWithTrusted { kEnforced, kIgnored, kUnknown };

/// The acts that need a permit.
enum class Action {
  kGenerate,  ///< make a key version in the origin
  kSign,      ///< sign with it, for one usage
  kRelease,   ///< wrap it for the members of a pool
  kAccept,    ///< a member unwraps it into its token
  kProve,     ///< a member signs a receipt with it
  kRequest,   ///< ask a CA for a certificate
  kIssue,     ///< have a certificate made for it by the CA given
  kInstall,   ///< put the certificate beside the key
  kDestroy,   ///< destroy the version
};

/// One row of a vocabulary.
template <class E>
struct Word {
  E value;
  std::string_view text;
};

/// The table of `E`, in the order of the enum.
template <class E>
std::span<const Word<E>> words();

/// The word for a value, as it is written in a policy file ("session-copy").
template <class E>
std::string_view word(E value) {
  for (const auto& row : words<E>())
    if (row.value == value) return row.text;
  return "?";
}

/// The value a word stands for; empty if the vocabulary has no such word.
template <class E>
std::optional<E> parse_word(std::string_view text) {
  for (const auto& row : words<E>())
    if (row.text == text) return row.value;
  return std::nullopt;
}

/// All words of a vocabulary.
template <class E>
std::vector<std::string> all_words() {
  std::vector<std::string> out;
  for (const auto& row : words<E>()) out.emplace_back(row.text);
  return out;
}

/// True for the usages that are signatures.
bool is_signature(Usage usage) noexcept;

template <>
std::span<const Word<Algorithm>> words();
template <>
std::span<const Word<Curve>> words();
template <>
std::span<const Word<Usage>> words();
template <>
std::span<const Word<Signing>> words();
template <>
std::span<const Word<ExportMode>> words();
template <>
std::span<const Word<Suite>> words();
template <>
std::span<const Word<Role>> words();
template <>
std::span<const Word<LintProfile>> words();
template <>
std::span<const Word<KeyUsage>> words();
template <>
std::span<const Word<ExtendedKeyUsage>> words();
template <>
std::span<const Word<OrganizationalUnit>> words();
template <>
std::span<const Word<Hash>> words();
template <>
std::span<const Word<CaKind>> words();
template <>
std::span<const Word<WrapWithTrusted>> words();
template <>
std::span<const Word<Action>> words();

}  // namespace poolkey::policy
