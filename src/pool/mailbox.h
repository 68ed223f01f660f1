// The mailbox: a directory through which the two sides pass files, as a network later will.
// May touch: base. Called by: the verbs of pool.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace poolkey::pool {

/// One file for the mailbox.
struct Mail {
  std::filesystem::path path;
  Bytes content;
};

/// `to-origin/` holds what members write, `to-member/POOL/MEMBER/` what the origin writes. Nothing
/// in it is secret and nothing in it is trusted: every document is signed.
class Mailbox {
 public:
  explicit Mailbox(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path to_origin(const std::string& kind, const PoolName& pool,
                                  const MemberName& member) const;
  std::filesystem::path to_member(const PoolName& pool, const MemberName& member,
                                  const std::string& file) const;
  /// The files for a member whose names begin with `prefix`, sorted by name.
  std::vector<std::filesystem::path> for_member(const PoolName& pool, const MemberName& member,
                                                const std::string& prefix) const;

  /// Writes a file by atomic rename, making the folder where it is missing.
  void put(const std::filesystem::path& path, ByteView content) const;
  /// The same for many; a crash in between leaves each file as it was or as it is to be.
  void put(const std::vector<Mail>& mail) const;

 private:
  std::filesystem::path root_;
};

}  // namespace poolkey::pool
