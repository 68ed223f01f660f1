// poolkey.so below faults: threads sign while calls fail at random, while the module is away, while
// one of two tokens is, when PINs are refused, and through p11-kit's remoting whose server is
// killed again and again; and all of it in the child of a fork. Every signature that is returned is
// verified in software with the key that was meant.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "campaign/crowd.h"
#include "campaign/remoting.h"
#include "support/faulty_token.h"

namespace poolkey::test {
namespace {

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
  bool tell = false;
};

/// What the keys of one plugin go through.
class Campaign {
 public:
  Campaign(const Plugin& plugin, const std::vector<std::string>& uris, const Options& options)
      : plugin_(plugin), options_(options) {
    for (const std::string& uri : uris) keys_.push_back(load_key(plugin, uri));
  }

  Result random_faults() const {
    Result out{.what = "a call fails at random, in 17 ways"};
    // A signature is two calls, and a few more after a fault.
    set_faults("");
    set_chance(static_cast<unsigned long>(2 * options_.every), options_.seed, kKinds);
    Crowd crowd(plugin_, keys_, options_.tell);
    crowd.start(options_.threads, options_.signatures);
    crowd.join();
    set_chance(0, 0, kKinds);
    const auto calls = calls_of("C_SignInit") + calls_of("C_Sign");
    out.disturbances = static_cast<int>(calls) / (2 * options_.every);
    crowd.count_into(out);
    return out;
  }

  Result outages() const {
    return away(
        "the module is away for 150 ms, in 7 ways",
        [](int i) { set_faults(kOutages[static_cast<std::size_t>(i) % kOutages.size()]); },
        [] { set_faults(""); });
  }

  Result server_restarts(RemotingServer& server) const {
    return away(
        "p11-kit server and remote are away for 150 ms", [&](int) { server.stop(); },
        [&] { server.start(); });
  }

  /// The other one is to take over at once, and the lost one to be there when the other is lost.
  /// More threads than processors wait for each other: what that costs is measured as well.
  Result one_of_two_away() const {
    Result out{.what = "one of two tokens is away for 150 ms"};
    std::vector<milliseconds> undisturbed;
    Crowd crowd(plugin_, keys_, options_.tell);
    crowd.start(options_.threads, 0);
    const auto slowest = [&] {
      (void)crowd.slowest();
      std::this_thread::sleep_for(kOutage);
      return crowd.slowest();
    };
    for (; out.disturbances < options_.outages; ++out.disturbances) {
      undisturbed.push_back(slowest());
      lose_token(out.disturbances % 2 == 0 ? "test" : "two");
      out.note(slowest());
      lose_token("");
    }
    crowd.end();
    crowd.count_into(out);
    out.came_back = out.failed == 0;
    out.timed = "for the slowest signature; before it " + median_and_longest(undisturbed);
    return out;
  }

  /// Each PIN that is refused may be tried once, by whichever thread; with the right one all go on.
  Result refused_pins(const Prepared& prepared) const {
    Result out{.what = "two PINs are refused; each is tried once", .disturbances = 2};
    Crowd crowd(plugin_, keys_, options_.tell);
    crowd.start(options_.threads, 0);
    const auto put = [&](std::string_view pin) {
      write_file(prepared.folder() / "pin", pin, 0600);
    };
    const auto tries = [] {
      std::this_thread::sleep_for(2 * kOutage);
      return calls_of("C_Login");
    };
    // A child logs in with its first use, which is no matter here.
    out.came_back = crowd.first_good_after(Time::now()).has_value();
    set_faults("C_SignInit 1 restart; C_Login 1 before CKR_PIN_INCORRECT");
    out.came_back = tries() == 1 && out.came_back;
    put("0000\n");
    out.came_back = tries() == 2 && out.came_back;
    put("1234\n");
    out.note(crowd.first_good_after(Time::now()));
    crowd.end();
    crowd.count_into(out);
    out.came_back = calls_of("C_Login") == 3 && out.came_back;
    return out;
  }

  Result killed_remotes(RemotingServer& server) const {
    Result out{.what = "p11-kit-remote is killed"};
    Crowd crowd(plugin_, keys_, options_.tell);
    crowd.start(options_.threads, options_.signatures);
    for (int next = options_.every; crowd.done() < options_.signatures;) {
      if (crowd.done() >= next) {
        server.kill_remotes();
        ++out.disturbances;
        next = crowd.done() + options_.every;
      }
      std::this_thread::sleep_for(milliseconds(1));
    }
    crowd.join();
    crowd.count_into(out);
    return out;
  }

 private:
  Result away(const std::string& what, const std::function<void(int)>& go,
              const std::function<void()>& come) const {
    Result out{.what = what};
    Crowd crowd(plugin_, keys_, options_.tell);
    crowd.start(options_.threads, 0);
    for (; out.disturbances < options_.outages; ++out.disturbances) {
      go(out.disturbances);
      std::this_thread::sleep_for(kOutage);
      come();
      out.note(crowd.first_good_after(Time::now()));
      std::this_thread::sleep_for(milliseconds(20));
    }
    crowd.end();
    crowd.count_into(out);
    return out;
  }

  const Plugin& plugin_;
  const Options& options_;
  std::vector<SigningKey> keys_{};
};

/// Prints lines, and remembers whether all were right.
class Table {
 public:
  Table() { print_head(); }
  void note(const Result& result) {
    print(result);
    right_ = right_ && result.is_right();
  }
  /// The same in the child of a fork, which prints the line.
  void note_after_fork(const std::function<Result()>& act) {
    right_ = run_child([&] {
               Result result = act();
               result.what = "  after a fork";
               print(result);
               if (!result.is_right()) throw Error(Errc::kInternal, "the child's signatures");
             }) == 0 &&
             right_;
  }
  void note_both(const std::function<Result()>& act) {
    note(act());
    note_after_fork(act);
  }
  bool is_right() const { return right_; }

 private:
  bool right_ = true;
};

Prepared prepare() {
  return Prepared([](SoftToken& soft) {
    soft.add("two");
    const auto token = soft.login(), two = soft.login("two");
    make_shared_key(*token, *two, "pooled");
    for (const char* label : {"copied", "another"}) make_signing_key(*token, "EC-P-256", label);
    for (const char* label : {"uncopied", "one more"})
      make_signing_key(*token, "EC-P-256", label, false);
    for (const char* label : {"rsa", "another rsa"}) make_signing_key(*token, "RSA-2048", label);
  });
}

bool run(const Options& options) {
  const Prepared prepared = prepare();
  std::vector<std::string> uris;
  for (const std::string label : {"copied", "uncopied", "rsa"})
    uris.push_back("pkcs11:token=test;object=" + label + ";type=private");
  Table table;
  {
    const Plugin plugin(prepared.folder(), prepared.section(kFaultyModule));
    const Campaign one(plugin, uris, options);
    table.note_both([&] { return one.random_faults(); });
    table.note_both([&] { return one.outages(); });
    const Plugin both(prepared.folder(),
                      prepared.section(kFaultyModule) + "poolkey-token = test, two\n");
    const Campaign two(both, {"pkcs11:object=pooled;type=private"}, options);
    table.note_both([&] { return two.one_of_two_away(); });
    table.note_both([&] { return one.refused_pins(prepared); });
  }
  RemotingServer server(prepared);
  ::setenv("P11_KIT_SERVER_ADDRESS", server.address().c_str(), 1);
  const Plugin plugin(prepared.folder(), prepared.section(kClient));
  const Campaign remote(plugin, uris, options);
  table.note_both([&] { return remote.killed_remotes(server); });
  table.note(remote.server_restarts(server));
  table.note_after_fork([&] {
    const Result out = remote.server_restarts(server);
    server.stop();  // the child's last one; the parent would not know of it
    return out;
  });
  return table.is_right();
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
  app.add_flag("--tell", options.tell, "say why signatures failed");
  CLI11_PARSE(app, argc, argv);
  try {
    return poolkey::test::run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "provider_faults: %s\n", error.what());
    return 1;
  }
}
