// A member over the network: enrolled with a one-time code, then looked after by an agent.
#include <csignal>
#include <cstdio>

#include "agent/agent.h"
#include "agent/enrol.h"
#include "cli/command.h"
#include "home/pin.h"

namespace poolkey::cli {
namespace {

constexpr std::chrono::hours kLongWait{24};

agent::Agent::Orders orders;
static_assert(std::atomic<bool>::is_always_lock_free);

void heed_signals() {
  struct sigaction action {};
  action.sa_handler = [](int number) { (number == SIGHUP ? orders.reload : orders.stop) = true; };
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(number, &action, nullptr);
}

agent::Settings settings_of(const Call& call) {
  agent::Settings out;
  if (agent::has_settings(call.options.home)) out = agent::read_settings(call.options.home);
  const std::vector<std::string> given = call.arguments.all("--server");
  if (!given.empty()) out.servers.clear();
  for (const std::string& server : given) out.servers.push_back(agent::checked_server(server));
  if (out.servers.empty())
    throw Error(Errc::kInvalidArgument, "give the service's address: --server https://HOST:PORT");
  return out;
}

/// What the operators have to compare, before anything is waited for.
void say_request(Call& call, const app::App& app, const Bytes& fingerprint) {
  const std::string pool = app.config().pool->str(), member = app.config().member->str();
  call.out.say("The service has the enrolment request of '" + member +
               "'. Its fingerprint, to be read");
  call.out.say("out to the origin's operator (SHA-256):");
  call.out.say("  " + fingerprint_text(fingerprint));
  call.out.say("The operator admits it, having compared the fingerprints, by:");
  call.out.say("  poolkey enrolment admit " + member + " --pool " + pool +
               " --fingerprint FINGERPRINT");
  std::fflush(nullptr);
}

int agent_enrol(Call& call) {
  heed_signals();
  agent::EnrolmentOrder order{
      .settings = settings_of(call),
      .code = home::read_pin(home::parse_pin_source(call.arguments.one("--code", "prompt")),
                             "the invitation (its one-time code)"),
      .root_sha256 = from_hex(call.arguments.one("--root"))};
  app::App app(call.options);
  if (app.config().side != app::Side::kStandby) app.require(app::Side::kMember);
  app.use_token();
  agent::Enrolment enrolment(app, std::move(order), [] { return !orders.stop; });
  const Bytes fingerprint = enrolment.request();
  bool admitted = enrolment.finish(std::chrono::seconds(0));
  if (!admitted) {
    say_request(call, app, fingerprint);
    if (call.arguments.has("--wait")) admitted = enrolment.finish(kLongWait);
  }
  if (admitted)
    call.out.say("'" + app.config().member->str() +
                 "' is enrolled: it has pinned the root and has a client certificate. Start its "
                 "agent: poolkey agent run");
  else
    call.out.say("When that is done, run this again; or let --wait wait for it.");
  call.out.result({{"member", app.config().member->str()},
                   {"fingerprint", hex(fingerprint)},
                   {"state", admitted ? "admitted" : "pending"}});
  return 0;
}

int agent_run(Call& call) {
  heed_signals();
  agent::Agent(call.options, POOLKEY_VERSION, orders, ServiceManager::from_environment()).run();
  return 0;
}

}  // namespace

std::span<const Command> agent_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"agent enrol",
       "member",
       "ask the origin's service for enrolment with a one-time code; run again once admitted",
       {{"--server", "URL", "https://HOST:PORT of the service; several may be given", false, true},
        {"--root", "SHA256", "fingerprint of the origin's root, as its operator reads it out",
         true},
        {"--code", "SOURCE", "one-time code from file:PATH, fd:N, credential:NAME or prompt"},
        {"--wait", "", "wait until the origin's operator has admitted this member"}},
       agent_enrol},
      {"agent run",
       "member",
       "fetch, open, prove and install what the origin has for this member, until told to stop",
       {},
       agent_run},
  };
  return commands;
}

}  // namespace poolkey::cli
