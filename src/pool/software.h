// A member without a token: its own keys in encrypted files at a delivery station, and what they
// open. May touch: keys and below. Called by: app, enrol, deliver, prove, pfx.
#pragma once

#include <filesystem>
#include <string>

#include "crypto/openssl.h"
#include "pool/member_side.h"

namespace poolkey::pool {

/// A station's key pairs, opened: transport RSA-3072, identity EC P-256. OpenSSL keeps their
/// private numbers in locked memory, as far as the process's limits allow.
class SoftwareKeys {
 public:
  /// Makes the key files (mode 0600, PKCS#8 under scrypt and AES-256) that are missing.
  static void make(const std::filesystem::path& folder, const Pin& pin);
  static bool are_in(const std::filesystem::path& folder);

  /// Throws kAuthFailed for a wrong PIN, kNotFound and kCorrupt naming the file.
  SoftwareKeys(const std::filesystem::path& folder, const Pin& pin);

  const crypto::PublicKey& public_key(OwnRole role) const;
  /// What stands in the place of a token's serial number: 16 hexadecimal digits of the transport
  /// key's digest.
  std::string serial() const;
  /// By the identity key: ECDSA with SHA-256, DER.
  Bytes sign(ByteView message) const;
  /// The key in the envelope, which is the one that the envelope says. Throws kCorrupt.
  crypto::EvpPkey open(const Envelope& envelope) const;

 private:
  struct Pair {
    crypto::EvpPkey key;
    crypto::PublicKey public_key;
  };
  static Pair read(const std::filesystem::path& file, const Pin& pin);
  Pair identity_, transport_;
};

/// What a station says of itself in the place of a token's report: opens every suite.
TokenReport software_report();

/// Opens the envelope in memory to see that it holds its key, then keeps it, sealed as it came: the
/// key itself is never written. False where this one was kept before.
bool keep_envelope(MemberSide& side, const Envelope& envelope, const std::string& cms);

/// Deletes the envelopes of versions that the statement does not name any more.
void drop_envelopes(MemberSide& side, const Statement& statement);

/// The key of this version from the envelope that is kept, checked again; null where none is kept.
/// Throws kCorrupt where it is not the key that the statement names.
crypto::EvpPkey open_replica(MemberSide& side, const Statement::Version& version);

/// The digest (hex) of the newest certificate that this member's host reported as installed; empty
/// where it reported none.
std::string certificate_by_receipt(MemberSide& side, const KeyVersion& key);

}  // namespace poolkey::pool
