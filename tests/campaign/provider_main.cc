// poolkey.so below faults: threads sign while calls fail at random, while the module is away, after
// a fork, and through p11-kit's remoting whose server is killed again and again. Every signature
// that is returned is verified in software with the key that was meant.
#include <signal.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/file.h"
#include "base/process.h"
#include "support/faulty_token.h"
#include "support/plugin.h"

namespace poolkey::test {
namespace {

using Time = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kClient = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

/// What goes wrong at random. Not among it: a live handle that changes its meaning with no session
/// lost, which nobody could notice but by verifying each signature.
constexpr const char* kKinds =
    "* 1 before CKR_DEVICE_ERROR; * 1 after CKR_DEVICE_ERROR; * 1 before CKR_GENERAL_ERROR;"
    "* 1 after CKR_FUNCTION_FAILED; * 1 before CKR_SESSION_HANDLE_INVALID;"
    "* 1 before CKR_SESSION_CLOSED; * 1 before CKR_DEVICE_REMOVED;"
    "* 1 before CKR_TOKEN_NOT_PRESENT; * 1 before CKR_USER_NOT_LOGGED_IN;"
    "* 1 before CKR_CRYPTOKI_NOT_INITIALIZED; * 1 before CKR_HOST_MEMORY;"
    "* 1 before CKR_OBJECT_HANDLE_INVALID; * 1 delay 5; * 1 sigpipe; * 1 lose-session;"
    "* 1 lose-object; * 1 restart";

/// How the module can be away; all calls, or those of a signature.
constexpr std::array kOutages{
    "* 1+ before CKR_DEVICE_ERROR",       "* 1+ before CKR_CRYPTOKI_NOT_INITIALIZED",
    "* 1+ before CKR_DEVICE_REMOVED",     "* 1+ before CKR_TOKEN_NOT_PRESENT",
    "C_Sign 1+ before CKR_GENERAL_ERROR", "C_OpenSession 1+ before CKR_SESSION_COUNT",
    "C_Login 1+ before CKR_DEVICE_ERROR"};
constexpr auto kOutage = milliseconds(150);

struct Options {
  int signatures = 10'000;
  int threads = 8;
  int every = 50;
  int outages = 21;
  unsigned long seed = 1;
};

bool tell_failures = false;

struct SigningKey {
  crypto::EvpPkey loaded;
  crypto::PublicKey expected;
};

/// Threads that sign with all keys in turn.
class Crowd {
 public:
  Crowd(const Plugin& plugin, const std::vector<SigningKey>& keys) : plugin_(plugin), keys_(keys) {}
  ~Crowd() { end(); }

  /// `tries` in all, or until end() where it is 0.
  void start(int threads, int tries) {
    left_ = tries == 0 ? std::numeric_limits<int>::max() : tries;
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void end() {
    left_ = 0;
    join();
  }

  int good() const { return good_; }
  int failed() const { return failed_; }
  int wrong() const { return wrong_; }
  /// From `since` to the end of the first good signature after it; nothing within ten seconds.
  std::optional<milliseconds> first_good_after(Time::time_point since) const {
    while (Time::now() - since < std::chrono::seconds(10)) {
      const Time::time_point last{Time::duration(last_good_)};
      if (last > since) return std::chrono::duration_cast<milliseconds>(last - since);
      std::this_thread::sleep_for(milliseconds(1));
    }
    return std::nullopt;
  }

 private:
  void work() {
    for (int n = left_--; n > 0; n = left_--) {
      const SigningKey& key = keys_[static_cast<std::size_t>(n) % keys_.size()];
      const std::string message = "message " + std::to_string(n);
      try {
        const Bytes signature = plugin_.sign(key.loaded.get(), view(message));
        key.expected.verify("SHA256", view(message), signature) ? ++good_ : ++wrong_;
        last_good_ = Time::now().time_since_epoch().count();
      } catch (const Error& error) {
        if (tell_failures) std::fprintf(stderr, "%s\n", error.what());
        ++failed_;
      }
    }
  }

  const Plugin& plugin_;
  const std::vector<SigningKey>& keys_;
  std::vector<std::thread> threads_;
  std::atomic<int> left_ = 0, good_ = 0, failed_ = 0, wrong_ = 0;
  std::atomic<Time::rep> last_good_ = 0;
};

/// One line of the table.
struct Result {
  std::string what;
  int good = 0, failed = 0, wrong = 0;
  int disturbances = 0;
  std::vector<milliseconds> back{};
  bool came_back = true;

  bool is_right() const { return wrong == 0 && good > 0 && came_back; }
};

void print_head() {
  std::printf("%-44s %11s %10s %7s %6s   %s\n", "what happens", "disturbed", "signatures", "failed",
              "wrong", "first signature after it answers: median / longest");
}

void print(const Result& result) {
  std::printf("%-44s %11d %10d %7d %6d", result.what.c_str(), result.disturbances, result.good,
              result.failed, result.wrong);
  if (!result.back.empty()) {
    auto sorted = result.back;
    std::ranges::sort(sorted);
    std::printf("   %ld ms / %ld ms", static_cast<long>(sorted[sorted.size() / 2].count()),
                static_cast<long>(sorted.back().count()));
  }
  std::printf("%s\n", result.is_right() ? "" : "   NOT RIGHT");
  std::fflush(stdout);
}

Result random_faults(const std::string& what, const Plugin& plugin,
                     const std::vector<SigningKey>& keys, const Options& options) {
  // A signature is two calls, and a few more after a fault.
  set_faults("");
  set_chance(static_cast<unsigned long>(2 * options.every), options.seed, kKinds);
  Crowd crowd(plugin, keys);
  crowd.start(options.threads, options.signatures);
  crowd.join();
  set_chance(0, 0, kKinds);
  const auto calls = calls_of("C_SignInit") + calls_of("C_Sign");
  return {.what = what,
          .good = crowd.good(),
          .failed = crowd.failed(),
          .wrong = crowd.wrong(),
          .disturbances = static_cast<int>(calls) / (2 * options.every)};
}

Result outages(const Plugin& plugin, const std::vector<SigningKey>& keys, const Options& options) {
  Result out{.what = "the module is away for 150 ms, in 7 ways"};
  Crowd crowd(plugin, keys);
  crowd.start(options.threads, 0);
  for (int i = 0; i < options.outages; ++i) {
    set_faults(kOutages[static_cast<std::size_t>(i) % kOutages.size()]);
    std::this_thread::sleep_for(kOutage);
    set_faults("");
    const auto back = crowd.first_good_after(Time::now());
    if (back) out.back.push_back(*back);
    out.came_back = out.came_back && back;
    ++out.disturbances;
    std::this_thread::sleep_for(milliseconds(20));
  }
  crowd.end();
  out.good = crowd.good();
  out.failed = crowd.failed();
  out.wrong = crowd.wrong();
  return out;
}

/// The line is printed by the child.
bool after_fork(const Plugin& plugin, const std::vector<SigningKey>& keys, const Options& options) {
  return run_child([&] {
           const Result result =
               random_faults("the same in the child of a fork", plugin, keys, options);
           print(result);
           if (!result.is_right()) throw Error(Errc::kInternal, "the child's signatures");
         }) == 0;
}

/// p11-kit's server for a SoftHSM, which makes a process for each client.
class Server {
 public:
  Server(const Prepared& prepared) : socket_(prepared.folder() / "socket") { start(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { stop(); }

  std::string address() const { return "unix:path=" + socket_.string(); }

  void start() {
    server_ = start_child([&] {
      ::setsid();
      // It tells its address, and the end of each client's process.
      if (std::freopen("/dev/null", "w", stdout) == nullptr ||
          std::freopen("/dev/null", "w", stderr) == nullptr)
        ::_exit(1);
      ::execlp("p11-kit", "p11-kit", "server", "--provider", kSoftHsm, "-f", "-n", socket_.c_str(),
               "pkcs11:", nullptr);
    });
    for (int tries = 0; !std::filesystem::exists(socket_) && tries < 5000; ++tries)
      std::this_thread::sleep_for(milliseconds(1));
  }
  void stop() {
    ::kill(-server_, SIGKILL);
    (void)end_of(server_);
    std::filesystem::remove(socket_);
  }
  /// The process that serves each client, not the server.
  void kill_remotes() const {
    std::ifstream children("/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) +
                           "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
  }

 private:
  std::filesystem::path socket_;
  pid_t server_ = 0;
};

Result killed_remotes(const Plugin& plugin, const std::vector<SigningKey>& keys, Server& server,
                      const Options& options) {
  Result out{.what = "p11-kit-remote is killed"};
  Crowd crowd(plugin, keys);
  crowd.start(options.threads, options.signatures);
  for (int next = options.every; next < options.signatures;) {
    const int done = crowd.good() + crowd.failed() + crowd.wrong();
    if (done >= options.signatures) break;
    if (done >= next) {
      server.kill_remotes();
      ++out.disturbances;
      next = done + options.every;
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  crowd.join();
  out.good = crowd.good();
  out.failed = crowd.failed();
  out.wrong = crowd.wrong();
  return out;
}

Result server_restarts(const Plugin& plugin, const std::vector<SigningKey>& keys, Server& server,
                       const Options& options) {
  Result out{.what = "p11-kit server and remote are away for 150 ms"};
  Crowd crowd(plugin, keys);
  crowd.start(options.threads, 0);
  for (int i = 0; i < options.outages; ++i) {
    server.stop();
    std::this_thread::sleep_for(kOutage);
    server.start();
    const auto back = crowd.first_good_after(Time::now());
    if (back) out.back.push_back(*back);
    out.came_back = out.came_back && back;
    ++out.disturbances;
    std::this_thread::sleep_for(milliseconds(20));
  }
  crowd.end();
  out.good = crowd.good();
  out.failed = crowd.failed();
  out.wrong = crowd.wrong();
  return out;
}

std::vector<SigningKey> load_all(const Plugin& plugin) {
  std::vector<SigningKey> out;
  for (const char* label : {"copied", "uncopied", "rsa"}) {
    auto key = plugin.load("pkcs11:token=test;object=" + std::string(label) + ";type=private");
    const auto expected = crypto::PublicKey::from_evp(key.get());
    out.push_back({std::move(key), expected});
  }
  return out;
}

bool run(const Options& options) {
  const Prepared prepared([](SoftToken& soft) {
    const auto token = soft.login();
    for (const char* label : {"copied", "another"}) make_signing_key(*token, "EC-P-256", label);
    for (const char* label : {"uncopied", "one more"})
      make_signing_key(*token, "EC-P-256", label, false);
    for (const char* label : {"rsa", "another rsa"}) make_signing_key(*token, "RSA-2048", label);
  });
  bool right = true;
  const auto note = [&](const Result& result) {
    print(result);
    right = right && result.is_right();
  };
  print_head();
  {
    const Plugin plugin(prepared.folder(), prepared.section(kFaultyModule));
    const auto keys = load_all(plugin);
    note(random_faults("a call fails at random, in 17 ways", plugin, keys, options));
    right = after_fork(plugin, keys, options) && right;
    note(outages(plugin, keys, options));
  }
  Server server(prepared);
  ::setenv("P11_KIT_SERVER_ADDRESS", server.address().c_str(), 1);
  const Plugin plugin(prepared.folder(), prepared.section(kClient));
  const auto keys = load_all(plugin);
  note(killed_remotes(plugin, keys, server, options));
  note(server_restarts(plugin, keys, server, options));
  return right;
}

}  // namespace
}  // namespace poolkey::test

int main(int argc, char** argv) {
  poolkey::test::Options options;
  CLI::App app{"poolkey.so signs while the module below it fails"};
  app.add_option("--signatures", options.signatures, "of each part without outages");
  app.add_option("--threads", options.threads, "that sign at once");
  app.add_option("--every", options.every, "about how many signatures lie between two faults");
  app.add_option("--outages", options.outages, "of each part with outages");
  app.add_option("--seed", options.seed, "what is drawn");
  app.add_flag("--tell", poolkey::test::tell_failures, "say why signatures failed");
  CLI11_PARSE(app, argc, argv);
  try {
    return poolkey::test::run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "provider_faults: %s\n", error.what());
    return 1;
  }
}
