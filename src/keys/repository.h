// Key versions, the policies they were made under, and their certificates, in the database.
// May touch: store, crypto, policy. Called by: keys, pool, requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "crypto/certificate.h"
#include "crypto/public_key.h"
#include "policy/policy.h"
#include "store/sql.h"

namespace poolkey::keys {

struct StoredKey {
  KeyVersion name;
  std::optional<PoolName> pool;  ///< nothing: a key of the origin's own
  std::string policy_sha256;
  crypto::PublicKey public_key;
  Bytes id;  ///< CKA_ID
  std::string state;
  Time created;
};

void insert_key(store::Database& database, const StoredKey& key);
std::optional<StoredKey> find_key(store::Database& database, const KeyVersion& name);
/// Throws kNotFound with what there is.
StoredKey key(store::Database& database, const KeyVersion& name);
/// All versions of a pool's keys, by name and version.
std::vector<StoredKey> keys_of_pool(store::Database& database, const PoolName& pool);
/// Oldest first.
std::vector<KeyVersion> versions_of(store::Database& database, const KeyName& name);
/// The highest version there is; 0 if there is none.
std::uint32_t newest_version(store::Database& database, const KeyName& name);
void set_key_state(store::Database& database, const KeyVersion& name, const std::string& state);

/// Stores the text of a policy under its digest and returns the digest in hex.
std::string store_policy(store::Database& database, const policy::Policy& policy);
/// The policy that a version was made under, exactly as it was then.
policy::Policy policy_of(store::Database& database, const StoredKey& key);

/// A policy that some version was made under.
struct PolicyText {
  std::string sha256;  ///< hex
  std::string name;    ///< of the file
  std::string text;
};
/// All, by digest.
std::vector<PolicyText> policy_texts(store::Database& database);

struct StoredCertificate {
  crypto::Certificate certificate;
  std::vector<crypto::Certificate> chain;  ///< issuer first, root last
  KeyVersion key;
  std::string request;  ///< id; empty for the origin's own
};

void insert_certificate(store::Database& database, const StoredCertificate& certificate, Time now);
/// The newest certificate of a key version; one that this origin's CA revoked only if it is alone.
std::optional<StoredCertificate> certificate_of(store::Database& database, const KeyVersion& key);
/// All of a key version, in the same order: the first is certificate_of().
std::vector<StoredCertificate> certificates_of(store::Database& database, const KeyVersion& key);
std::optional<StoredCertificate> certificate_of_request(store::Database& database,
                                                        const std::string& request);

/// Single values by name, such as a member's pinned root.
std::optional<std::string> setting(store::Database& database, const std::string& name);
void set_setting(store::Database& database, const std::string& name, const std::string& value);

}  // namespace poolkey::keys
