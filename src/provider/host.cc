#include "provider/host.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <string_view>

#include "provider/guard.h"

namespace poolkey::provider {
namespace {

using namespace std::chrono_literals;

/// A fork does not wait longer than this for a call that hangs; nor does a restart.
constexpr auto kDrain = 200ms;
/// A token whose last success is not older than this is alive.
constexpr auto kAlive = 2s;
/// How often a module is started anew of which nothing works.
constexpr auto kPause = 10ms;
/// How long nobody tries again while a call stays inside.
constexpr auto kAfterHang = 1s;

/// They write to no socket but syslog's, which raises no SIGPIPE: the shield's three system calls
/// would be a fiftieth of SoftHSM's P-256 signature. By the file, not by what the module says of
/// itself: one that forwards says the same.
constexpr std::array<std::string_view, 2> kWithoutSockets{"libsofthsm2.so", "libsoftokn3.so"};

bool may_raise_sigpipe(const std::filesystem::path& module) {
  std::error_code none;
  const std::string file = std::filesystem::canonical(module, none).filename().string();
  return std::ranges::find(kWithoutSockets, file) == kWithoutSockets.end();
}

/// Grows in the child of every fork.
constinit std::atomic<unsigned> forks = 0;

struct Registry {
  std::mutex mutex;
  std::vector<std::shared_ptr<Host>> hosts;
};

/// Never destroyed: it is needed by fork handlers, and the modules stay to the end.
Registry& registry() {
  static auto& one = *new Registry;
  return one;
}

class Closed {
 public:
  explicit Closed(Gate& gate) : gate_(gate) {}
  Closed(const Closed&) = delete;
  Closed& operator=(const Closed&) = delete;
  ~Closed() { gate_.open(); }

 private:
  Gate& gate_;
};

}  // namespace

Host::Host(ModuleSettings settings)
    : settings_(std::move(settings)), shielded_(may_raise_sigpipe(settings_->path)) {}

std::shared_ptr<Host> Host::of(const ModuleSettings& settings) {
  Registry& all = registry();
  const std::lock_guard hold(all.mutex);
  std::error_code none;
  const auto file = std::filesystem::weakly_canonical(settings.path, none);
  for (const auto& host : all.hosts) {
    if (std::filesystem::weakly_canonical(host->settings_->path, none) != file) continue;
    if (host->settings_->arguments == settings.arguments) return host;
    throw Error(Errc::kConflict, "this process uses '" + settings.path.string() +
                                     "' with other poolkey-module-arguments already; a module is "
                                     "initialised once");
  }
  if (all.hosts.empty()) ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  all.hosts.push_back(std::shared_ptr<Host>(new Host(settings)));
  all.hosts.back()->forks_seen_ = forks.load();
  return all.hosts.back();
}

// What is inside comes out first, so that no lock of the module's is held by a thread that the
// child does not have. Beside a call that hangs nobody else is inside, either.
void Host::before_fork() noexcept {
  registry().mutex.lock();
  for (const auto& host : registry().hosts)
    host->closed_to_fork_ = host->gate_.close_upon_those_inside(Clock::now() + kDrain);
  ForkMutex::before_fork();
}

void Host::after_fork_in_parent() noexcept {
  ForkMutex::after_fork_in_parent();
  for (const auto& host : registry().hosts)
    if (host->closed_to_fork_) host->gate_.open();
  registry().mutex.unlock();
}

void Host::after_fork_in_child() noexcept {
  ++forks;
  ForkMutex::after_fork_in_child();
  for (const auto& host : registry().hosts) {
    host->gate_.reset_after_fork();
    new (&host->alone_) Turn(kNotGivenUp);
  }
  registry().mutex.unlock();
}

/// Who is inside comes out, if he can, before the module's static objects go; nobody enters any
/// more.
void Host::at_end() noexcept {
  // Who forks or loads just now has it; visits end without us as well.
  const std::unique_lock hold(registry().mutex, std::try_to_lock);
  if (!hold) return;
  for (const auto& host : registry().hosts) host->gate_.close(Clock::now() + kDrain);
}

bool Host::is_ready() const { return module_ != nullptr && (!settings_ || forks_seen_ == forks); }

void Host::put_environment() const {
  for (const auto& [name, value] : settings_->environment) {
    const char* now = std::getenv(name.c_str());
    if (now == nullptr || value != now) ::setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
  }
}

void Host::make_ready(Clock::time_point until) {
  if (!gate_.close(until))
    throw Error(Errc::kTimeout,
                "the module '" + settings_->path.string() + "' does not answer; a call hangs");
  const Closed closed(gate_);
  const SigpipeShield shield;
  if (is_ready()) return;
  put_environment();
  const unsigned now = forks;
  restarted_ = Clock::now() - kPause;
  if (module_ == nullptr) {
    module_ =
        hsm::Module::load(settings_->path, hsm::Module::Process::kForeign, settings_->arguments);
    watch_for_the_end(at_end);
  } else {
    module_->initialize_after_fork();
  }
  forks_seen_ = now;
}

Host::Visit Host::visit(Clock::time_point until) {
  for (;;) {
    if (process_is_ending())
      throw Error(Errc::kUnavailable, "the process is ending; the module is not called any more");
    if (!gate_.enter(until))
      throw Error(Errc::kTimeout, "the module is being started anew, and is not ready yet");
    Visit visit(*this);
    if (is_ready()) {
      if (let_in(visit, until)) return visit;
      throw Error(Errc::kTimeout, "the module '" + module_->path().string() +
                                      "' takes one call at a time, and another does not end");
    }
    { const Visit leave_first = std::move(visit); }
    make_ready(until);
  }
}

std::optional<Host::Visit> Host::visit_now() noexcept {
  if (process_is_ending() || !gate_.enter(Clock::time_point{})) return std::nullopt;
  Visit visit(*this);
  if (!is_ready() || !let_in(visit, Clock::time_point{})) return std::nullopt;
  return visit;
}

bool Host::let_in(Visit& visit, Clock::time_point until) {
  if (!settings_ || !module_->quirks().one_thread_at_a_time) return true;
  if (auto turn = alone_.take(until)) visit.alone_.emplace(std::move(*turn));
  return visit.alone_.has_value();
}

std::shared_ptr<Pulse> Host::new_pulse() {
  const std::lock_guard hold(pulses_mutex_);
  std::erase_if(pulses_, [](const auto& pulse) { return pulse.expired(); });
  auto out = std::make_shared<Pulse>();
  pulses_.push_back(out);
  return out;
}

bool Host::another_lives(const Pulse* mine) {
  const auto since = (Clock::now() - kAlive).time_since_epoch().count();
  const std::lock_guard hold(pulses_mutex_);
  return std::ranges::any_of(pulses_, [&](const auto& weak) {
    const auto pulse = weak.lock();
    return pulse != nullptr && pulse.get() != mine && pulse->last > since;
  });
}

bool Host::restart(std::uint64_t incarnation, bool suspected, const Pulse* mine,
                   Clock::time_point until) {
  if (!settings_ || process_is_ending()) return false;
  const bool others = suspected && another_lives(mine);
  const auto is_due = [&] {
    const auto since = Clock::now() - restarted_.load();
    return since >= (others ? pause_beside_others_.load() : Clock::duration(kPause));
  };
  // Not even a look is worth shutting out those whom the module serves.
  if (!is_due()) return false;
  if (!gate_.close(std::min(until, Clock::now() + kDrain))) {
    restarted_ = Clock::now() + kAfterHang;  // a call hangs: the others have waited long enough
    return false;
  }
  const Closed closed(gate_);
  const SigpipeShield shield;
  if (module_ == nullptr || module_->incarnation() != incarnation) return module_ != nullptr;
  if (!is_due()) return false;
  restarted_ = Clock::now();
  pause_beside_others_ =
      others ? std::min<Clock::duration>(2 * pause_beside_others_.load(), kLongestPauseBesideOthers)
             : Clock::duration(kFirstPauseBesideOthers);
  put_environment();
  return module_->reload();
}

}  // namespace poolkey::provider
