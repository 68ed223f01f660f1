// The origin's own keys and certificates: the root, and under it the issuing CA, the signer of
// envelopes and the signer of the audit log; a responder for OCSP once one is asked for. May touch:
// keys and below. Called by: app, pool, requests.
#pragma once

#include <vector>

#include "crypto/cms.h"
#include "keys/context.h"
#include "keys/repository.h"

namespace poolkey::keys {

/// One of the origin's own: its key and certificate.
struct OriginSigner {
  StoredKey key;
  crypto::Certificate certificate;
  std::vector<crypto::Certificate> chain;  ///< root last; empty for the root itself
};

enum class OriginRole { kRoot, kIssuingCa, kEnvelopeSigner, kAuditSigner, kOcspSigner };

/// Generates the four keys under `policy` and issues their certificates, skipping what is done.
void create_origin(Context& context, const policy::Policy& policy, const std::string& organization);

/// The keys that a standby origin has of its own, by their names: all but the root.
std::vector<std::string> delegated_roles();
/// Generates a standby's keys of these roles under `policy`, skipping what is done. They have no
/// certificates until an origin certifies them.
void create_delegate_keys(Context& context, const policy::Policy& policy);
/// The origin's side: a certificate under the root for a standby's key of this role, as the root's
/// policy allows it. Throws kInvalidArgument for another role.
crypto::Certificate certify_delegate(Context& context, const std::string& role,
                                     const crypto::PublicKey& key, const std::string& standby,
                                     const store::Operation& operation);

/// The issuing CA in force, which is its newest version; of the other roles the first, which is
/// what members have pinned. Throws kNotFound if the origin has not been set up.
OriginSigner origin_signer(store::Database& database, OriginRole role);
/// All versions that have a certificate, oldest first.
std::vector<OriginSigner> origin_versions(store::Database& database, OriginRole role);
/// The key that signs this side's audit log, certified or not.
StoredKey audit_signer(store::Database& database);
/// The root that members have pinned: the first version, whatever comes after it.
crypto::Certificate origin_root(store::Database& database);

/// Signs poolkey's documents as the envelope signer: CMS with the chain inside. It looks the signer
/// up, asks its policy and loads its key once, for the run of one verb: the login must last.
class DocumentSigner {
 public:
  /// Throws kNotFound (no origin here), kDenied (policy), or as signing_key().
  explicit DocumentSigner(Context& context);
  /// May be called by several threads.
  Bytes sign(std::string_view content_type, const json::object& document) const;
  /// Many documents, in their order: several at the same time, each in a session of its own.
  std::vector<Bytes> sign_all(std::string_view content_type,
                              const std::vector<json::object>& documents) const;

 private:
  OriginSigner signer_;
  crypto::EvpPkey key_;
  crypto::cms::Signer cms_;
};

/// One document by a DocumentSigner of its own.
Bytes sign_document(Context& context, std::string_view content_type, const json::object& document);

/// Signs the head of the audit log with the audit signer, of an origin or a standby.
void checkpoint_origin(Context& context);

}  // namespace poolkey::keys
