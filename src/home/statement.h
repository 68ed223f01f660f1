// What the origin says a member should hold, as the member's state keeps it.
// May touch: base. Called by: pool, which writes and checks it; provider, which goes by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "home/document.h"

namespace poolkey::home {

/// The newest one (by sequence) counts.
struct Statement {
  struct Version {
    KeyVersion key;
    std::int64_t release;
    Bytes spki;  ///< SubjectPublicKeyInfo in DER
    Bytes id;    ///< CKA_ID of the replica
    std::string policy_sha256;
    std::vector<std::string> usages;  ///< as policies write them
    bool in_force;
    std::string policy_file{};  ///< empty in statements of older origins
    /// Comes into force by itself at this time, in place of the one that is.
    std::optional<Time> effective{};
    /// No longer used, and to be destroyed: "superseded", "compromised" or "evicted"; else empty.
    std::string retired{};
  };
  Address member;
  std::string token_label;
  std::int64_t sequence = 0;
  std::vector<Version> versions;
};

json::object to_json(const Statement& statement);
/// Throws kCorrupt, naming what is wrong.
Statement parse_statement(std::string_view text);

/// True if the version is the one of its key that is in force at `now`: of those whose date has
/// come the latest, else the one that the origin says is. For any form of the statement.
template <class AnyStatement>
bool is_in_force(const AnyStatement& statement, const typename AnyStatement::Version& version,
                 Time now) {
  const typename AnyStatement::Version* chosen = nullptr;
  for (const auto& v : statement.versions) {
    if (v.key.key != version.key.key || !v.retired.empty()) continue;
    const bool has_come = v.effective && *v.effective <= now;
    if (!has_come && !v.in_force) continue;
    if (chosen == nullptr ||
        (has_come && (!chosen->effective || *chosen->effective < *v.effective)))
      chosen = &v;
  }
  return chosen != nullptr && chosen->key == version.key;
}

/// The file that a process holds a shared lock (flock) on while it signs with a copy of the key, so
/// that the member can tell when nobody does. Made by the member when it takes the key.
std::filesystem::path in_use_file(const std::filesystem::path& state_folder, ByteView cka_id);

/// Where a member keeps its newest statement, as CMS, and the root that it pinned, as PEM.
std::filesystem::path statement_file(const std::filesystem::path& state_folder,
                                     const PoolName& pool);
std::filesystem::path root_file(const std::filesystem::path& state_folder);

}  // namespace poolkey::home
