// One PKCS#11 module in the process that uses it: who is inside, forks, and starting it anew.
// May touch: hsm, POSIX. Called by: signing_token, tokens, private_key.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hsm/module.h"
#include "provider/fork_mutex.h"
#include "provider/gate.h"
#include "provider/shield.h"
#include "provider/turn.h"

namespace poolkey::provider {

/// Which module, and what it must find when it is initialised. The environment is put back before
/// each C_Initialize: nginx clears that of its workers.
struct ModuleSettings {
  std::filesystem::path path;
  std::string arguments{};
  std::vector<std::pair<std::string, std::string>> environment{};
};

/// When something last worked; by it one user of a module knows that others still do.
struct Pulse {
  std::atomic<Clock::rep> last = 0;
  void beat() noexcept { last = Clock::now().time_since_epoch().count(); }
};

/// Every call into the module is made during a Visit. A visit is short: no prompt and no waiting
/// happens in one, and visits are not nested. May be used by several threads.
class Host {
 public:
  /// The module of our own program, which looks after it.
  explicit Host(std::shared_ptr<hsm::Module> ours) : module_(std::move(ours)) {}
  /// The module in a foreign program: one Host for all who use it, to the end of the process. It is
  /// loaded with the first visit.
  static std::shared_ptr<Host> of(const ModuleSettings& settings);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  class Visit {
   public:
    Visit(Visit&& other) noexcept
        : host_(std::exchange(other.host_, nullptr)),
          shield_(std::move(other.shield_)),
          alone_(std::move(other.alone_)) {}
    Visit& operator=(Visit&&) = delete;
    ~Visit() {
      alone_.reset();
      if (host_ != nullptr) host_->gate_.leave();
    }
    const std::shared_ptr<hsm::Module>& module() const { return host_->module_; }

   private:
    friend class Host;
    explicit Visit(Host& host) : host_(&host) {
      if (host.shielded_) shield_.emplace();
    }
    Host* host_;
    std::optional<SigpipeShield> shield_;
    std::optional<Turn::Taken> alone_;
  };

  /// Loads the module, or initialises it after a fork, where that is due. Throws kTimeout if the
  /// module is not to be had by then, kUnavailable when the process is ending, or what loading it
  /// says.
  Visit visit(Clock::time_point until);
  /// For destructors: nothing where the module is not to be had at once.
  std::optional<Visit> visit_now() noexcept;

  /// C_Finalize and C_Initialize, unless that was done since `incarnation`, or is not ours to do,
  /// or somebody stays inside. `suspected`: the failure may be that of one token only, so while
  /// another's pulse beats it is done rarely. True if it was done. Throws what C_Initialize says.
  bool restart(std::uint64_t incarnation, bool suspected, const Pulse* mine,
               Clock::time_point until);
  std::shared_ptr<Pulse> new_pulse();

 private:
  explicit Host(ModuleSettings settings);
  bool is_ready() const;
  /// False if the module lets in one thread only, and another stays inside until then.
  bool let_in(Visit& visit, Clock::time_point until);
  void make_ready(Clock::time_point until);
  void put_environment() const;
  bool another_lives(const Pulse* mine);
  static void at_end() noexcept;
  static void before_fork() noexcept;
  static void after_fork_in_parent() noexcept;
  static void after_fork_in_child() noexcept;

  static constexpr std::chrono::hours kNotGivenUp{24};
  /// How long a module that works for others is left alone: it doubles each time.
  static constexpr std::chrono::seconds kFirstPauseBesideOthers{10}, kLongestPauseBesideOthers{600};

  std::optional<ModuleSettings> settings_;  ///< of a foreign program
  bool shielded_ = false;                   ///< from its SIGPIPE, in a foreign program
  std::shared_ptr<hsm::Module> module_;     ///< written with the gate closed
  std::atomic<unsigned> forks_seen_ = 0;
  Gate gate_;
  /// See Quirks::one_thread_at_a_time. It is not given up for a call that hangs; and no
  /// std::timed_mutex, whose locking the TSan of g++ 12 does not see.
  Turn alone_{kNotGivenUp};
  bool closed_to_fork_ = false;
  std::atomic<Clock::time_point> restarted_{};
  std::atomic<Clock::duration> pause_beside_others_{kFirstPauseBesideOthers};
  ForkMutex pulses_mutex_;
  std::vector<std::weak_ptr<Pulse>> pulses_;
};

}  // namespace poolkey::provider
