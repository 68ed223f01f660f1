// A token as the provider uses it: found, logged in to, lost and found again.
// May touch: hsm. Called by: tokens (makes them), lookup, replica.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/secret.h"
#include "hsm/token.h"
#include "provider/fork_mutex.h"
#include "provider/host.h"
#include "provider/ladder.h"
#include "provider/public_part.h"
#include "provider/turn.h"

namespace poolkey::provider {

class Replica;

/// Where a PIN comes from when one is needed: a file, or a question to the program's user.
using PinSource = std::function<Pin()>;

/// What holds between two losses: handles that were found under one number are dead under another.
struct Link {
  std::shared_ptr<hsm::Token> token;
  std::uint64_t number = 0;
  std::uint64_t incarnation = 0;
};

/// May be used by several threads. Nobody waits for a call that hangs but its caller.
class SigningToken : public std::enable_shared_from_this<SigningToken> {
 public:
  struct Options {
    std::size_t max_sessions = hsm::kSessionLimit;
    /// A PIN that is to be had at any time without asking anybody; empty: there is none.
    PinSource pin{};
    /// What stands behind the sentence of a wrong PIN: "; PINs are read from '<file>'".
    std::string pin_remark{};
    /// Where a member's home has a file for each key that processes lock while they hold a copy of
    /// it (home::in_use_file); empty: nowhere.
    std::filesystem::path state_folder{};
  };

  /// A token of our own program, which is open and logged in.
  SigningToken(std::shared_ptr<Host> host, std::shared_ptr<hsm::Token> open);
  /// A token that is looked for when it is needed first, and again whenever it was lost.
  SigningToken(std::shared_ptr<Host> host, hsm::TokenName name, Options options);
  SigningToken(const SigningToken&) = delete;
  SigningToken& operator=(const SigningToken&) = delete;
  ~SigningToken();

  const hsm::TokenName& name() const { return name_; }
  const std::filesystem::path& state_folder() const { return options_.state_folder; }

  /// The PIN's own source where there is one, else `prompt`.
  PinSource pin_or(const PinSource& prompt) const { return options_.pin ? options_.pin : prompt; }
  /// Makes sure that the token is logged in to. A PIN that was refused is not tried again, however
  /// often it is offered: throws the same kAuthFailed. No lock is held while `pin` runs (Apache
  /// forks inside its prompt).
  void login(const PinSource& pin, Clock::time_point until);
  bool logged_in();

  using Act = std::function<void(const Link&)>;
  /// Runs `act` in a visit of the module, and again after each rung of the ladder up to `highest`,
  /// each taken once. Throws what the last try said; kTimeout.
  void run(const Act& act, Rung highest, Clock::time_point until);
  /// The same, and again from the ground while there is time: a module may need a moment.
  void run_patiently(const Act& act, Clock::time_point until);

  /// A call with this token has been inside the module for suspiciously long.
  bool hangs() const noexcept;

  /// In a session that is logged in there is no object at all. SoftHSM shows a token so whose files
  /// were away, or are another token's by now, and says that all is well; what is there it sees
  /// when it is initialised anew.
  bool shows_nothing(hsm::Session& session) const;
  /// Initialises the module anew, where that is ours to do. True if it was done.
  bool look_anew(std::uint64_t incarnation, Clock::time_point until);

  /// The one Replica for all who use this key.
  std::shared_ptr<Replica> replica(const PublicPart& part, const Bytes& id,
                                   const std::string& label);

  /// A session copy of a token object, which signs faster; CK_INVALID_HANDLE where the key or the
  /// module does not allow one.
  static CK_OBJECT_HANDLE copy_to_session(const Link& link, CK_OBJECT_HANDLE object) noexcept;
  /// Unless it went with its session.
  void drop_copy(std::uint64_t link_number, CK_OBJECT_HANDLE copy) noexcept;

 private:
  class Inside;

  std::optional<Link> known(const Host::Visit& visit);
  Link current(const Host::Visit& visit, Clock::time_point until);
  Link open(const Host::Visit& visit, Clock::time_point until);
  hsm::TokenInfo find(hsm::Module& module) const;
  void log_in(hsm::Token& token, Pin pin, Clock::time_point until);
  std::optional<Pin> pin_at_hand();
  /// What somebody had when it failed.
  struct Lost {
    std::uint64_t number = 0;
    std::uint64_t incarnation = 0;
    Clock::time_point until{};
  };
  void climb(Rung rung, const Lost& lost, const Error& failure);
  void give_up(Rung rung, Lost lost, const Error& failure) noexcept;
  void log_in_again(const Lost& lost);
  void lose(const Lost& lost);

  const std::shared_ptr<Host> host_;
  const hsm::TokenName name_;
  const Options options_;
  const bool is_ours_;  ///< of our own program: there is nothing to open, and no PIN
  const std::shared_ptr<Pulse> pulse_;

  Turn opening_;
  /// Two must not try one wrong PIN, so a slow login is waited for.
  Turn logging_in_{std::chrono::seconds(10)};
  ForkMutex mutex_;  ///< of what follows; never held during a call
  std::optional<Link> link_;
  std::uint64_t numbers_ = 0;
  std::optional<Pin> pin_;      ///< the one that the token took
  std::optional<Pin> refused_;  ///< the one that it did not
  std::optional<Error> refusal_;
  std::vector<std::weak_ptr<Replica>> replicas_;

  /// When the calls that are inside began; 0: a free place.
  std::array<std::atomic<Clock::rep>, hsm::kSessionLimit> inside_{};
};

}  // namespace poolkey::provider
