// The public half of a key as parameters: what OpenSSL is told of it and what identifies it.
// May touch: OpenSSL, hsm. Called by: keymgmt, lookup, private_key, signature.
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "crypto/openssl.h"
#include "hsm/attributes.h"

namespace poolkey::provider {

/// What the default context would fetch is no business of ours, and could be ourselves.
inline constexpr const char* kOthers = "provider!=poolkey";

enum class KeyKind { kRsa, kEc, kEd25519 };

struct Curve {
  const char* group;  ///< OpenSSL's name
  const char* nist;   ///< "P-256"
  int nid;
  int bits;
  int security_bits;
  std::size_t octets;         ///< of a field element and of the group's order
  std::size_t max_signature;  ///< of a signature as OpenSSL has it: ECDSA's in DER
};

/// crypto::PublicKey is the same as a value; it computes in the default library context, which in
/// a foreign program is the context that called us. This one needs no context to exist.
struct PublicPart {
  KeyKind kind = KeyKind::kRsa;
  Bytes modulus, exponent;       ///< RSA: big-endian, without leading zeros
  const Curve* curve = nullptr;  ///< EC and Ed25519
  /// EC: uncompressed, bare; empty: there are only the parameters of a key. Ed25519: 32 octets.
  Bytes point;

  bool operator==(const PublicPart&) const = default;
  bool has_key() const { return kind == KeyKind::kRsa || !point.empty(); }

  /// "RSA", "EC" or "ED25519": the name of the keymgmt.
  const char* type_name() const;
  int bits() const;
  int security_bits() const;
  std::size_t max_signature() const;
  /// Of a signature as modules give it: r and s side by side.
  std::size_t raw_signature() const;
};

/// The curve by OpenSSL's or NIST's name, or by the DER of CKA_EC_PARAMS; null: not one of ours.
const Curve* find_curve(std::string_view name) noexcept;
const Curve* find_curve(ByteView ec_params) noexcept;

/// Of a key object: what it is, and its public part.
hsm::Attributes read_key_attributes(hsm::Session& session, CK_OBJECT_HANDLE object);
/// From a key object: a public one, or an RSA private one that tells both numbers. Nothing where
/// the object does not have them, or is of a kind or curve that we do not serve.
std::optional<PublicPart> public_part_of(const hsm::Attributes& object);
inline std::optional<PublicPart> read_public_part(hsm::Session& session, CK_OBJECT_HANDLE object) {
  return public_part_of(read_key_attributes(session, object));
}

/// From what another provider exports. Nothing if it is not a public key of this kind, or the
/// parameters of an EC key.
std::optional<PublicPart> public_part_from(KeyKind kind, const OSSL_PARAM* params);

/// An EC key on the same curve with another point: uncompressed octets. Nothing if they are not.
std::optional<PublicPart> with_point(const PublicPart& part, const OSSL_PARAM& point);

/// Parameters as OSSL_PARAMs: those of `selection` (OSSL_KEYMGMT_SELECT_*), curves by name.
using Params = std::unique_ptr<OSSL_PARAM, crypto::Free<OSSL_PARAM_free>>;
Params to_params(const PublicPart& part, int selection);

/// The SubjectPublicKeyInfo in DER. Written here, because an encoder takes a millisecond to find.
Bytes spki_der(const PublicPart& part);

/// The key in another provider of `libctx`, for verifying. Throws kUnsupported.
crypto::EvpPkey to_evp(const PublicPart& part, OSSL_LIB_CTX* libctx);

}  // namespace poolkey::provider
