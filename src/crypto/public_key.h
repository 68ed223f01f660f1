// A public key as a value: compared, hashed and stored by its SubjectPublicKeyInfo.
// May touch: OpenSSL (in the .cc). Called by: every layer above.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"

struct evp_pkey_st;

namespace poolkey::crypto {

/// A public key in one canonical encoding: RSA with NULL parameters, EC with a named curve and an
/// uncompressed point. Any key that OpenSSL reads can be held, also one that nobody should use: a
/// linter must be able to look at it. Cheap to copy; may be used by several threads at once.
class PublicKey {
 public:
  /// Throws kCorrupt for what is not one SPKI, kUnsupported for an unknown algorithm or for an
  /// EC key with explicit curve parameters (RFC 5480 section 2.1.1 allows names only).
  static PublicKey from_spki_der(ByteView der);
  /// From what spki_der() gave once, as our own records have it: decoded only when something of it
  /// is asked for, because OpenSSL takes longer for that than for a signature by P-256. What is no
  /// key throws then, as from_spki_der(); what is not canonical is kCorrupt.
  static PublicKey from_record(Bytes spki_der);
  /// "-----BEGIN PUBLIC KEY-----". Throws as from_spki_der.
  static PublicKey from_pem(std::string_view pem);
  /// The public part of a key of any provider; asks its provider for nothing private.
  static PublicKey from_evp(const evp_pkey_st* key);
  /// From CKA_MODULUS and CKA_PUBLIC_EXPONENT (big-endian). Throws kCorrupt.
  static PublicKey from_rsa(ByteView modulus, ByteView exponent);
  /// From CKA_EC_PARAMS (DER: the curve's OID, or "edwards25519") and CKA_EC_POINT, bare or
  /// wrapped in an OCTET STRING as PKCS#11 v2.40 section 2.3.3 wants it. Throws kCorrupt, also for
  /// a point that is not on the curve, and kUnsupported for an unknown curve.
  static PublicKey from_ec(ByteView params, ByteView point);

  const Bytes& spki_der() const;
  /// 32 octets: how keys are identified everywhere.
  const Bytes& spki_sha256() const;
  std::string pem() const;

  /// "RSA-2048", "EC-P-256", "EC-P-384", "EC-P-521", "Ed25519"; others by OpenSSL's name
  /// ("RSA-PSS-2048", "EC-secp256k1", "DSA-2048").
  const std::string& algorithm() const;
  bool is_rsa() const;
  bool is_ec() const;
  /// Modulus or field size.
  int bits() const;

  /// Big-endian without leading zeros. Throw kInvalidArgument for another kind of key.
  Bytes modulus() const;
  Bytes exponent() const;
  /// The DER of the curve's OID, and the bare uncompressed point. Throw kInvalidArgument.
  Bytes ec_params() const;
  Bytes ec_point() const;

  /// True if the signature is good: RSA PKCS#1 v1.5, ECDSA in DER, or Ed25519 with an empty digest
  /// name. Anything malformed is false; throws kUnsupported for an unknown digest name only.
  bool verify(std::string_view digest, ByteView message, ByteView signature) const;

  /// The key in the default library context, for OpenSSL calls inside crypto and tests.
  evp_pkey_st* evp() const;

  bool operator==(const PublicKey& other) const { return spki_der() == other.spki_der(); }

 private:
  struct State;
  const State& decoded() const;
  explicit PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  static PublicKey decode(ByteView spki_der);
  static PublicKey normalised(evp_pkey_st* key);
  std::shared_ptr<const State> state_;
};

/// The SPKI of an RSA key as PublicKey::from_rsa(...).spki_der() has it, without looking whether it
/// is a key: for finding one among many.
Bytes rsa_spki_der(ByteView modulus, ByteView exponent);

/// Refuses a key that a wrapping key must not be encrypted to: RSA of 3072 to 8192 bits in steps of
/// 8, exponent 65537, odd modulus, and OpenSSL's public-key check (SP 800-56B rev 2 6.4.2.2).
/// Throws kInvalidArgument saying which of it fails.
void check_transport_key(const PublicKey& key);

}  // namespace poolkey::crypto
