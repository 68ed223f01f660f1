// What the keys of this origin's CAs signed: every certificate, its state, and the newest CRLs.
// May touch: store, crypto, hsm. Called by: keys (the origin's own certificates), requests.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/crl.h"
#include "keys/origin.h"

namespace poolkey::keys {

enum class IssuedState { kGood, kHeld, kRevoked };
/// "good", "held", "revoked"
std::string_view name(IssuedState state);

/// One line of the register. Certificates stay PEM until somebody wants to look into one.
struct IssuedCertificate {
  std::string serial;   ///< as crypto::Certificate::serial()
  KeyVersion issuer;    ///< of the CA key
  std::string profile;  ///< "web-server", "pool", or the role of a certificate of the origin's own
  std::string subject;
  std::string csr_sha256;  ///< empty: nobody asked by a request
  std::string sha256;
  Time not_before{}, not_after{};
  std::string pem;  ///< empty in lists, and where only the serial is known
  IssuedState state = IssuedState::kGood;
  crypto::Revocation revocation{};  ///< unless it is good
};

/// A serial number for a certificate that is about to be signed: 16 octets, 126 bits of them from
/// the token's random generator, positive and not in the register. Throws kUnavailable where the
/// generator repeats itself.
Bytes fresh_serial(Context& context);

/// Enters a certificate that a CA key has just signed; one that is there stays as it is.
void register_issued(store::Database& database, const crypto::Certificate& certificate,
                     const KeyVersion& issuer, const std::string& profile,
                     const std::string& csr_sha256, Time now);
/// Enters what CA keys of this origin signed before there was a register.
void register_earlier(store::Database& database, Time now);

/// Enters a serial of which only a CRL is left; it counts as valid until its CA ends.
void register_unknown(store::Database& database, const std::string& serial, const OriginSigner& ca,
                      Time now);

std::optional<IssuedCertificate> find_issued(store::Database& database, const std::string& serial);
/// What counts for whoever shows a certificate: its profile and state. Nothing where the register
/// does not have this serial with this digest (hex SHA-256 of the DER).
struct Standing {
  std::string profile;
  IssuedState state;
};
std::optional<Standing> standing_of(store::Database& database, const std::string& serial,
                                    const std::string& sha256);
/// The newest good certificate for a request under a profile that holds at `now`.
std::optional<IssuedCertificate> issued_for(store::Database& database,
                                            const std::string& csr_sha256,
                                            const std::string& profile, Time now);
/// The newest good certificate of a public key by one CA key under a profile that holds at `now`.
std::optional<IssuedCertificate> issued_to(store::Database& database, const crypto::PublicKey& key,
                                           const KeyVersion& issuer, const std::string& profile,
                                           Time now);
/// Throws kDenied for a key of which a certificate was revoked as compromised, or is on hold: no
/// other one is made for it (BR 6.1.1.3).
void refuse_bad_key(store::Database& database, const crypto::PublicKey& key);
/// All of them, oldest first, without their PEM.
std::vector<IssuedCertificate> all_issued(store::Database& database);
/// How many there are by state; "ended" counts good ones that do not hold any more at `now`.
std::map<std::string, std::int64_t> count_issued(store::Database& database, Time now);
/// Those that are held or revoked, of one CA key, without their PEM; of a root, those of all its
/// versions: they share one name, and a relying party may look for a CRL by name alone (RFC 5280
/// 6.3.3).
std::vector<IssuedCertificate> revoked_of(store::Database& database, const KeyVersion& issuer);
void set_issued_state(store::Database& database, const std::string& serial, IssuedState state,
                      const crypto::Revocation& revocation);

/// The issuing CA in force. Throws kConflict where its certificate is revoked.
OriginSigner issuing_ca(store::Database& database);
/// What stands above a certificate that this origin's CA issued: its issuer first, the root that
/// was pinned last, with the cross-certificates between them.
std::vector<crypto::Certificate> chain_of(store::Database& database,
                                          const crypto::Certificate& certificate);

/// The newest CRL of a CA key.
std::optional<crypto::Crl> newest_crl(store::Database& database, const KeyVersion& issuer);
/// Keeps a CRL in the place of the one before it.
void store_crl(store::Database& database, const KeyVersion& issuer, std::int64_t number,
               const crypto::Crl& crl);

}  // namespace poolkey::keys
