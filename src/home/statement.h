// What the origin says a member should hold, as the member's state keeps it.
// May touch: base. Called by: pool, which writes and checks it; provider, which goes by it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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
  };
  Address member;
  std::string token_label;
  std::int64_t sequence = 0;
  std::vector<Version> versions;
};

json::object to_json(const Statement& statement);
/// Throws kCorrupt, naming what is wrong.
Statement parse_statement(std::string_view text);

/// Where a member keeps its newest statement, as CMS, and the root that it pinned, as PEM.
std::filesystem::path statement_file(const std::filesystem::path& state_folder,
                                     const PoolName& pool);
std::filesystem::path root_file(const std::filesystem::path& state_folder);

}  // namespace poolkey::home
