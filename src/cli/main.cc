// poolkey: the command line. Only the table of commands is turned into options here.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>

#include "base/log.h"
#include "base/secret.h"
#include "base/stderr_log.h"
#include "cli/command.h"
#include "cli/exit_code.h"
#include "cli/remote.h"

namespace poolkey::cli {
namespace {

/// What may be given before or after every verb.
struct Global {
  std::string home;
  std::string format = "text";
  std::string log_level = "warn";
  std::string pin;
  std::string so_pin;
  std::string witness;
  std::string socket;
  bool direct = false;
  bool output_curl = false;
};

/// Where CLI11 puts what it parses for one verb.
struct Bound {
  const Command* command;
  CLI::App* app;
  std::deque<std::vector<std::string>> values;
  std::deque<bool> flags;
};

constexpr std::string_view kFooter =
    "The options of 'poolkey --help' may stand after every verb.\n"
    "Exit status: 0 done, 1 internal error, 2 invalid input, 3 denied by policy or HSM, 4 not "
    "found,\n"
    "5 already exists, 6 not as expected, 7 not supported, 8 unavailable, 9 timed out, 10 wrong "
    "PIN,\n"
    "11 damaged or forged, 20 differences found.\n";

struct Group {
  std::string_view name;
  std::string_view summary;
};

constexpr std::array kGroups{
    Group{"origin", "the side where pool keys are born"},
    Group{"member", "the side of one pool member"},
    Group{"standby", "a second origin: holds the pools' keys, takes the place of one that is lost"},
    Group{"station", "the side of a Windows member, which has no PKCS#11: delivers it a PFX"},
    Group{"service", "the origin's service for members, persons and applications"},
    Group{"agent",
          "a member over the network: enrols with the origin's service, then serves itself"},
    Group{"token", "the tokens of the PKCS#11 module"},
    Group{"policy", "policy files: check and explain"},
    Group{"enrolment", "the origin's answer to members that ask to join"},
    Group{"access", "who may use the service: check and explain its policy, invite"},
    Group{"key", "key versions: generate, list, release, refer to"},
    Group{"rollover", "from one version of a key to the next, without breaking the pool"},
    Group{"pool", "the pool as a whole: define, prove, attest, repair, report"},
    Group{"request", "certificate requests: plan, lint, create, hand over, take back"},
    Group{"certificate", "certificates: issue, publish, see who has which, export"},
    Group{"ca", "the embedded CA: configure, sign, revoke, publish, roll over"},
    Group{"audit", "the audit log: verify, export, sign"},
};

std::string option_name(const Option& option) { return std::string(option.name); }

void bind_option(Bound& bound, const Option& option) {
  CLI::Option* made = nullptr;
  if (option.value.empty()) {
    bound.flags.push_back(false);
    made = bound.app->add_flag(option_name(option), bound.flags.back(), std::string(option.help));
    bound.values.emplace_back();
  } else {
    bound.flags.push_back(false);
    bound.values.emplace_back();
    made =
        bound.app->add_option(option_name(option), bound.values.back(), std::string(option.help));
    made->type_name(std::string(option.value));
    if (!option.many) made->expected(1);
  }
  if (option.required) made->required();
}

Arguments collect(const Bound& bound) {
  Arguments out;
  for (std::size_t i = 0; i < bound.command->options.size(); ++i) {
    const Option& option = bound.command->options[i];
    if (option.value.empty())
      out.set(option_name(option),
              bound.flags[i] ? std::vector<std::string>{"true"} : std::vector<std::string>{});
    else
      out.set(option_name(option), bound.values[i]);
  }
  return out;
}

/// The subcommand for a verb of one or two words, making the group where it is missing.
CLI::App* place(CLI::App& root, std::string_view path, const std::string& summary) {
  const auto blank = path.find(' ');
  if (blank == std::string_view::npos) return root.add_subcommand(std::string(path), summary);
  const std::string group(path.substr(0, blank));
  CLI::App* parent = nullptr;
  for (CLI::App* child : root.get_subcommands({}))
    if (child->get_name() == group) parent = child;
  if (parent == nullptr) {
    const auto row = std::find_if(kGroups.begin(), kGroups.end(),
                                  [&](const Group& g) { return g.name == group; });
    parent = root.add_subcommand(group, row == kGroups.end() ? "" : std::string(row->summary));
    parent->require_subcommand(1);
    if (group == "certificate") parent->alias("cert");
  }
  return parent->add_subcommand(std::string(path.substr(blank + 1)), summary);
}

int fail(const Error& error, const Global& global) {
  const int status = exit_code(error.code());
  std::cerr << "poolkey: " << for_terminal(error.what()) << "\n";
  log("cli").debug("{} at {}:{}", name(error.code()), error.where().file_name(),
                   error.where().line());
  if (global.format == "json")
    std::cout << json::pretty(
        json::object{{"error", json::object{{"code", std::string(name(error.code()))},
                                            {"message", error.what()},
                                            {"exit_status", status}}}});
  return status;
}

/// How one verb ended, and what is still open then.
struct Ending {
  std::atomic<int> status = -1;  ///< once the verb has said what it did
  std::shared_ptr<void> open{};
};

/// A call hangs in the module and cannot be taken back, so nothing is unwound: the kernel lets go
/// of the locks, and the audit log keeps an intent without an outcome, which is what is known.
/// Where only closing hangs, the verb has ended as it said.
[[noreturn]] void end_overdue(const Error& error, const Global& global, const Ending& ending) {
  const int said = ending.status;
  if (said >= 0) log("cli").warn("the verb has ended; while closing, {}", error.what());
  const int status = said >= 0 ? said : fail(error, global);
  std::cout.flush();
  std::fflush(stdout);
  ::_exit(status);
}

int run_bound(const Bound& bound, const Global& global, Output& out, Ending& ending) {
  const Arguments arguments = collect(bound);
  // Absolute: configuration files of the HSM's library are read from wherever it likes.
  const auto absolute = [](const std::string& path) {
    return path.empty() ? std::filesystem::path{} : std::filesystem::absolute(path);
  };
  Call call{arguments,
            {.home = absolute(global.home),
             .pin = global.pin,
             .so_pin = global.so_pin,
             .witness = absolute(global.witness),
             .overdue = [&](const Error& error) { end_overdue(error, global, ending); },
             .keep = [&](std::shared_ptr<void> open) { ending.open = std::move(open); }},
            out};
  if (!global.direct) {
    const RemoteOptions remote{absolute(global.socket), global.output_curl};
    if (const auto status = run_in_service(*bound.command, call, remote)) return *status;
  }
  return bound.command->run(call);
}

/// Runs the verb and says how it ended; then closes what it opened.
int run_and_close(const Bound& bound, const Global& global) {
  Ending ending;
  Output out(global.format == "json");
  try {
    const int status = run_bound(bound, global, out, ending);
    out.finish();
    ending.status = status;
  } catch (const Error& error) {
    ending.status = fail(error, global);
  } catch (const std::exception& error) {
    ending.status =
        fail(Error(Errc::kInternal, std::string("internal error: ") + error.what()), global);
  }
  std::cout.flush();
  std::fflush(stdout);
  ending.open.reset();
  return ending.status;
}

int run(int argc, char** argv) {
  Global global;
  if (const char* socket = std::getenv("POOLKEY_SOCKET"); socket != nullptr) global.socket = socket;
  if (const char* home = std::getenv("POOLKEY_HOME"); home != nullptr) global.home = home;
  CLI::App root("poolkey: one private key, born in an HSM, held by every member of a pool",
                "poolkey");
  root.footer(std::string(kFooter));
  root.require_subcommand(1);
  root.fallthrough();
  root.set_version_flag("--version", std::string(POOLKEY_VERSION));
  root.add_option("--home", global.home, "folder of this side (or $POOLKEY_HOME)")
      ->type_name("DIR");
  root.add_option("--format", global.format,
                  "text, or json: one document on stdout, talk on stderr")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));
  root.add_option("--log-level", global.log_level, "trace, debug, info, warn, error or off")
      ->type_name("LEVEL");
  root.add_option(
          "--pin", global.pin,
          "user PIN from file:PATH, fd:N, credential:NAME or prompt (default: poolkey.toml)")
      ->type_name("SOURCE");
  root.add_option("--witness", global.witness,
                  "file that gets the signed head of the audit log after every act, to be kept "
                  "elsewhere (default: poolkey.toml)")
      ->type_name("FILE");
  root.add_option("--so-pin", global.so_pin,
                  "security officer's PIN from fd:N or prompt (default: prompt)")
      ->type_name("SOURCE");

  root.add_option("--socket", global.socket,
                  "the running service's socket, where no --home tells (or $POOLKEY_SOCKET)")
      ->type_name("FILE");
  root.add_flag("--direct", global.direct,
                "open the token here, even if a service runs that would do it");
  root.add_flag("--output-curl", global.output_curl,
                "print the call to the running service as a curl command, and do nothing");

  std::deque<Bound> all;
  for (const Command* entry : all_commands()) {
    const Command& command = *entry;
    const std::string summary =
        std::string(command.summary) +
        (command.side == "either" ? "" : " (" + std::string(command.side) + ")");
    all.push_back({&command, place(root, command.path, summary), {}, {}});
    all.back().app->fallthrough();
    for (const Option& option : command.options) bind_option(all.back(), option);
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return root.exit(error);  // --help, --version
    // CLI11 stores what it parsed only when all of it is right.
    const std::vector<std::string> words(argv + 1, argv + argc);
    const auto format = std::find(words.begin(), words.end(), "--format");
    const bool json = std::find(words.begin(), words.end(), "--format=json") != words.end() ||
                      (words.end() - format > 1 && format[1] == "json");
    if (json) global.format = "json";
    return fail(Error(Errc::kInvalidArgument, std::string(error.what()) + "; see 'poolkey --help'"),
                global);
  }
  try {
    log_to_stderr(global.log_level);
  } catch (const Error& error) {
    return fail(error, global);
  }
  for (const Bound& bound : all)
    if (bound.app->parsed()) return run_and_close(bound, global);
  return 0;
}

}  // namespace
}  // namespace poolkey::cli

int main(int argc, char** argv) {
  poolkey::forbid_core_dumps();
  // A module whose server has gone writes to a closed socket; that must not end us.
  std::signal(SIGPIPE, SIG_IGN);
  return poolkey::cli::run(argc, argv);
}
