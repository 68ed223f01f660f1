// The documents that pass between the origin and its members, as values and as JSON.
// May touch: base, crypto. Called by: the verbs of pool, and report.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/attribute.h"
#include "base/ids.h"
#include "base/json.h"
#include "crypto/certificate.h"
#include "crypto/public_key.h"
#include "home/statement.h"

namespace poolkey::pool {

using home::Address;

/// A statement of a member's with its signature by the identity key over exactly its octets.
struct SignedStatement {
  std::string statement;
  Bytes identity_signature;
};

/// What a member says of its token, by its profile.
struct TokenReport {
  std::vector<std::string> suites{};        ///< wrap suites that it can open
  std::vector<std::string> not_kept{};      ///< attributes that it does not tell
  std::vector<std::string> not_enforced{};  ///< protections that it does not keep
  /// There is no token: a delivery station holds its keys in encrypted files. The member's own
  /// word; nobody can tell from afar whether a transport key is in an HSM.
  bool software = false;
  bool operator==(const TokenReport&) const = default;
};

/// A key of a standby origin that signs in the origin's name once it is certified.
struct SignerKey {
  std::string role;  ///< "envelope-signer"
  crypto::PublicKey public_key;
};
struct SignerCertificate {
  std::string role;
  crypto::Certificate certificate;
};

/// A member asks to be enrolled.
struct EnrolmentRequest {
  Address member;
  std::string token_label;
  crypto::PublicKey transport;
  crypto::PublicKey identity;
  Bytes nonce;
  TokenReport token{};
  std::vector<SignerKey> signers{};  ///< of a standby; a member has none
};

/// The origin confirms an enrolment; the first document that a member gets.
struct Confirmation {
  Address member;
  std::string fingerprint;                        ///< hex SHA-256 of the request file
  std::vector<SignerCertificate> certificates{};  ///< for a standby's signers
};

/// One version of one key, as it is released to one member.
struct Envelope {
  Address member;
  KeyVersion key;
  std::int64_t release = 0;
  crypto::PublicKey public_key;
  Bytes id;  ///< CKA_ID of the replica
  AttributeSet private_attributes, public_attributes;
  std::string policy_file, policy_sha256, policy_text;
  std::string suite;
  Bytes blob;  ///< OAEP part, then KWP part
};

/// What a member should hold: home::Statement, with public keys that are known to be some.
struct Statement {
  struct Version {
    KeyVersion key;
    std::int64_t release;
    crypto::PublicKey public_key;
    Bytes id;
    std::string policy_sha256;
    std::vector<std::string> usages;
    bool in_force;
    std::string policy_file{};
    std::optional<Time> effective{};
    std::string retired{};
  };
  Address member;
  std::string token_label;
  std::int64_t sequence = 0;
  std::vector<Version> versions;
};

/// The origin asks a member to show what it holds.
struct Challenge {
  Address member;
  Bytes nonce;
  std::vector<std::pair<KeyVersion, std::string>> keys;  ///< with the SPKI's SHA-256 in hex
};

/// A member's answer about one key version. `replica_signature` is by the replica over the same
/// octets as the identity signature; empty if the replica is absent.
struct Receipt {
  Address member;
  Bytes nonce;
  KeyVersion key;
  std::string spki_sha256;
  bool present = false;
  AttributeSet attributes;            ///< read back from the token
  std::vector<std::string> not_told;  ///< attributes of the policy that the token does not tell
  std::string identity_spki_sha256;
  std::string certificate_sha256;   ///< of the certificate beside the replica; empty: none
  std::vector<std::string> strays;  ///< private keys in the token that no statement names
  // What members of before the rollover do not say:
  std::optional<Time> made{};         ///< by the member's clock
  bool in_force = false;              ///< by its statement and its clock
  std::optional<Time> effective{};    ///< when it comes into force, as far as the member knows
  std::vector<std::string> in_use{};  ///< processes that sign with a copy: "nginx (pid 12)"
};

struct SignedReceipt {
  SignedStatement statement;
  Bytes replica_signature;
};

/// A certificate for a key version, with its chain (issuer first, root last).
struct CertificateDelivery {
  Address member;
  KeyVersion key;
  std::string role;  ///< what it is for, as policies write it: "edge-external"
  std::string ca;    ///< who issued it: "internal" or "public"
  std::vector<crypto::Certificate> certificates;  ///< leaf first
};

json::object to_json(const EnrolmentRequest& d);
json::object to_json(const Confirmation& d);
json::object to_json(const Envelope& d);
json::object to_json(const Statement& d);
json::object to_json(const Challenge& d);
json::object to_json(const Receipt& d);
json::object to_json(const CertificateDelivery& d);
json::object to_json(const SignedStatement& d);
json::object to_json(const SignedReceipt& d);
json::object to_json(const AttributeSet& attributes);

/// All throw kCorrupt, naming the document and the member of it that is wrong.
EnrolmentRequest enrolment_request(std::string_view text);
Confirmation confirmation(std::string_view text);
Envelope envelope(std::string_view text);
Statement statement(std::string_view text);
Challenge challenge(std::string_view text);
Receipt receipt(std::string_view text);
CertificateDelivery certificate_delivery(std::string_view text);
SignedStatement signed_statement(std::string_view text);
std::vector<SignedReceipt> signed_receipts(std::string_view text);

}  // namespace poolkey::pool
