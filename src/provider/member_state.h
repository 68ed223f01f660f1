// The signed statement in a member's home: which keys the pool has, and what they may do.
// May touch: OpenSSL, home. Called by: resolve; init, for the rules of private keys.
#pragma once

#include <memory>
#include <optional>

#include "crypto/openssl.h"
#include "home/statement.h"
#include "provider/fork_mutex.h"
#include "provider/rules.h"
#include "provider/settings.h"

namespace poolkey::provider {

/// May be used by several threads.
class MemberState {
 public:
  /// Verifies in `libctx`, which must outlive it.
  explicit MemberState(OSSL_LIB_CTX* libctx) : libctx_(libctx) {}

  /// The newest statement, verified under the root that the member pinned; read again when the file
  /// has changed. Null: the configuration names no home of a member, or nothing was released to it.
  /// Throws kCorrupt for a forged or damaged one, kConflict for one that is older than this process
  /// has seen, and what reading the files throws: what is not known is not taken for absent.
  std::shared_ptr<const home::Statement> statement(const Settings& settings);

  /// What the statement says of the private key with this public part; null: nothing.
  std::shared_ptr<const Rules> rules(const Settings& settings, const PublicPart& part);

 private:
  /// Which file was read. Each statement is a new file that is renamed to its place, so the inode
  /// tells two of them apart that were written within one tick of the clock.
  struct Stamp {
    std::filesystem::path file;
    std::uintmax_t device = 0, inode = 0, size = 0;
    std::int64_t changed_s = 0, changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  static std::optional<Stamp> stamp_of(const std::filesystem::path& file);
  home::Statement read(const Settings& settings, const std::filesystem::path& file) const;

  OSSL_LIB_CTX* libctx_;
  ForkMutex mutex_;
  Stamp stamp_;
  std::shared_ptr<const home::Statement> statement_;
};

}  // namespace poolkey::provider
