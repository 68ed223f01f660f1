// Versions that somebody knows who should not: after an eviction, and after a compromise.
// May touch: rollover and below. Called by: cli.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keys/context.h"
#include "pool/evict.h"
#include "rollover/repository.h"

namespace poolkey::rollover {

/// Evicts the member and marks every version that it held as exposed. The rolls that follow are
/// begun by begin_necessary().
void evict(keys::Context& context, const pool::Mailbox& mailbox, const pool::EvictionPlan& plan,
           const std::string& reason);

/// A certificate of a compromised key, and what is done about it.
struct Revocation {
  crypto::Certificate certificate;
  bool internal = false;         ///< by our own CA, which revokes it
  std::filesystem::path file{};  ///< else the request to the CA, in words, with a proof by the key
};

/// Within which a CA revokes, and a pool changes its key (Baseline Requirements 4.9.1.1).
inline constexpr Duration kCompromiseDeadline = std::chrono::hours(24);

/// Declares the version compromised: it is exposed to anybody, a roll away from it is begun, and
/// for certificates of other CAs the requests to revoke them are written to `folder`. Those of our
/// own CA are revoked once the new version is in force; at once with `revoke_now`. Run again it
/// writes the files again. Throws kConflict for a version that is gone.
std::vector<Revocation> compromise(keys::Context& context, const pool::Mailbox& mailbox,
                                   const KeyVersion& key, const std::string& reason,
                                   const std::filesystem::path& folder, bool revoke_now);
/// Certificates of this version, and who has to revoke them.
std::vector<Revocation> revocations(store::Database& database, const KeyVersion& key);
/// Revokes what our own CA issued for it.
void revoke_internal(keys::Context& context, const KeyVersion& key);

/// Begins what has to be: rolls away from exposed versions in force, and with `due` those that are
/// due. A roll that goes on towards an exposed version is ended first. Gives those begun.
std::vector<StoredRoll> begin_necessary(keys::Context& context, const pool::Mailbox& mailbox,
                                        bool due);

/// Notes which evicted members have shown that nothing is left. Gives "edge2: av@1".
std::vector<std::string> note_destructions(keys::Context& context);

}  // namespace poolkey::rollover
