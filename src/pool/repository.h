// Pools, members, releases, challenges, receipts and statements in the origin's database.
// May touch: store, keys/repository. Called by: the origin's verbs of pool, status, report.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "keys/repository.h"
#include "pool/documents.h"

namespace poolkey::pool {

/// A member as the origin knows it. Before enrolment only its name.
struct Member {
  MemberName name;
  bool enrolled = false;
  std::string token_label{}, token_serial{};
  std::optional<crypto::PublicKey> identity{}, transport{};
  std::string fingerprint{};
  TokenReport token{};
};

/// The topology file that a pool was defined by.
struct Topology {
  std::string file;
  std::string text;
};

/// Defines or changes a pool and makes its members known; a member that the topology no longer
/// names receives nothing more. True if anything changed.
bool define_pool(store::Database& database, const PoolName& pool, const Topology& topology,
                 const std::vector<MemberName>& members, Time now);
/// Throws kNotFound with the pools there are.
Topology topology_of(store::Database& database, const PoolName& pool);
std::vector<PoolName> pools(store::Database& database);
std::vector<Member> members(store::Database& database, const PoolName& pool);
/// Members that were evicted and may still answer, with what they were enrolled with.
std::vector<Member> former_members(store::Database& database, const PoolName& pool);
/// Throws kNotFound with the members there are.
Member member(store::Database& database, const PoolName& pool, const MemberName& name);
/// The same, or one that was evicted and may still answer.
Member member_or_former(store::Database& database, const PoolName& pool, const MemberName& name);
void set_enrolled(store::Database& database, const PoolName& pool, const Member& member, Time now);

/// Words between blanks, as columns and the attestation have them.
std::string joined(const std::vector<std::string>& words);

Address address_of(const PoolName& pool, const Member& member);

/// The envelope of a member for a key version from the newest release of it.
struct StoredEnvelope {
  std::int64_t release;
  Bytes cms;
};
std::optional<StoredEnvelope> newest_envelope(store::Database& database, const PoolName& pool,
                                              const MemberName& member, const KeyVersion& key);

/// The same for every member that has one of this key version.
struct MemberEnvelope {
  MemberName member;
  StoredEnvelope envelope;
};
std::vector<MemberEnvelope> newest_envelopes(store::Database& database, const PoolName& pool,
                                             const KeyVersion& key);

/// The newest release of each key version to each member of a pool, or to one of them.
using ReleaseNumbers = std::map<std::pair<MemberName, KeyVersion>, std::int64_t>;
ReleaseNumbers newest_releases(store::Database& database, const PoolName& pool,
                               const std::optional<MemberName>& only = std::nullopt);

void mark_queued(store::Database& database, const PoolName& pool, const MemberName& member,
                 const KeyVersion& key, std::int64_t release, Time now);

/// The newest challenge of a member, and whether it was answered.
struct StoredChallenge {
  Bytes nonce;
  Bytes document;  ///< CMS, as the member got it
  std::string issued_at;
  std::optional<std::string> answered_at;
};
std::optional<StoredChallenge> newest_challenge(store::Database& database, const PoolName& pool,
                                                const MemberName& member);

/// Those that were not answered.
void forget_open_challenges(store::Database& database, const PoolName& pool,
                            const MemberName& member);

struct StoredReceipt {
  SignedReceipt document;
  Receipt receipt;
  std::string received_at;
};
/// The receipt for a key version that answered the challenge with this nonce.
std::optional<StoredReceipt> find_receipt(store::Database& database, const PoolName& pool,
                                          const MemberName& member, const KeyVersion& key,
                                          ByteView nonce);

}  // namespace poolkey::pool
