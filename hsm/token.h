// A token: found by label and serial, logged in to once, its sessions lent out from a bounded pool.
// May touch: base. Called by: keys, pool, app, provider.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/secret.h"
#include "hsm/module.h"

namespace poolkey::hsm {

/// Which token is meant. Slot numbers change; these two do not.
struct TokenName {
  std::string label;
  std::string serial;  ///< empty: any, as long as only one token has the label

  /// "token 'edge1' (serial 0123...)"
  std::string str() const;
};

/// The one token of that name. Looks again after a reload before it says that there is none.
/// Throws kNotFound, or kConflict where several tokens have the label and no serial was given.
TokenInfo find_token(Module& module, const TokenName& name);

/// One C_OpenSession, closed at the end, unless all sessions of then are dead already.
class Session {
 public:
  Session(std::shared_ptr<Module> module, CK_SLOT_ID slot);
  Session(Session&& other) noexcept;
  Session& operator=(Session&&) = delete;
  ~Session();

  CK_SESSION_HANDLE handle() const { return handle_; }
  const Calls& fn() const { return module_->fn(); }
  Module& module() const { return *module_; }

 private:
  std::shared_ptr<Module> module_;
  std::uint64_t incarnation_;
  CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
};

class Token;

/// A session on loan. It goes back at the end, unless it was spoiled by an error that leaves its
/// state unknown: then it is closed. An exception that ends the lease spoils it, because an
/// operation that failed may still be active in the session, or the session may be dead.
class Lease {
 public:
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  Session& operator*() const { return *session_; }
  Session* operator->() const { return session_.get(); }
  /// The session was opened for this lease: the token may be another than that of earlier ones.
  bool is_fresh() const { return fresh_; }
  void spoil() { spoiled_ = true; }

 private:
  friend class Token;
  Lease(std::shared_ptr<Token> token, std::unique_ptr<Session> session, bool fresh)
      : token_(std::move(token)),
        session_(std::move(session)),
        fresh_(fresh),
        exceptions_(std::uncaught_exceptions()) {}
  std::shared_ptr<Token> token_;
  std::unique_ptr<Session> session_;
  bool fresh_;
  int exceptions_;  ///< in flight when the lease began
  bool spoiled_ = false;
};

enum class Role { kUser, kSecurityOfficer };

/// Not more sessions are lent, whatever the token could bear.
inline constexpr std::size_t kSessionLimit = 64;

/// An open token. It keeps one session of its own for as long as it lives, because a login ends
/// with the last session. May be used by several threads; login and logout by one at a time.
class Token : public std::enable_shared_from_this<Token> {
 public:
  /// Opens the token by name without logging in. Throws as find_token.
  static std::shared_ptr<Token> open(std::shared_ptr<Module> module, const TokenName& name);
  /// Opens a token that was found already, with a bound of the caller's on its sessions.
  static std::shared_ptr<Token> open(std::shared_ptr<Module> module, TokenInfo info,
                                     std::size_t max_sessions = kSessionLimit);

  /// C_Login, once, under the processes' lock. A PIN at its final try is not tried. Throws
  /// kAuthFailed (never to be retried), kConflict if another role is logged in. Where the role is
  /// logged in already (by another part of the process) the PIN is not checked.
  void login(Role role, const Pin& pin);
  /// C_Logout: every private handle of the process on this token is dead afterwards.
  void logout();

  using Clock = std::chrono::steady_clock;
  /// A session for one operation; waits while all are lent. Throws kTimeout, or as C_OpenSession
  /// says.
  Lease lease(Clock::time_point until = Clock::time_point::max());
  /// How often a session was spoiled. What was known of handles before may not hold any more: a
  /// token that lost its sessions may give the same handles to other objects.
  std::uint64_t epoch() const { return epoch_; }
  /// The session that lives as long as the token; session objects that outlive a lease go here.
  Session& keeper() { return *keeper_; }

  /// Our processes' turn to create or destroy; see Quirks::needs_process_lock.
  std::optional<FileLock> writing() const { return module_->process_lock(); }

  const TokenInfo& info() const { return info_; }
  TokenName name() const { return {info_.label, info_.serial}; }
  Module& module() const { return *module_; }
  const std::shared_ptr<Module>& shared_module() const { return module_; }

 private:
  friend class Lease;
  Token(std::shared_ptr<Module> module, TokenInfo info, std::size_t max_sessions);
  void give_back(std::unique_ptr<Session> session, bool spoiled) noexcept;

  std::shared_ptr<Module> module_;
  TokenInfo info_;
  std::unique_ptr<Session> keeper_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Session>> idle_;
  std::size_t lent_ = 0;
  std::atomic<std::uint64_t> epoch_ = 0;
  std::size_t limit_;
};

/// C_InitToken and C_InitPIN: makes an empty token with this label in a free slot, and gives its
/// info (found again by its new serial). Throws kAlreadyExists if a token has the label already:
/// nothing is ever erased. `begun_before` says that an earlier run may have made it: then a token
/// with this label that holds nothing and takes this user PIN is the one.
TokenInfo init_token(const std::shared_ptr<Module>& module, const std::string& label,
                     const Pin& so_pin, const Pin& user_pin, bool begun_before = false);

}  // namespace poolkey::hsm
