// The embedded CA at the origin: what only looks.
#include "app/view.h"
#include "cli/command.h"
#include "requests/ca/revocation_list.h"

namespace poolkey::cli {

using keys::IssuedCertificate;
using keys::IssuedState;

namespace {

json::array show_hierarchy(Call& call, store::Database& database, const requests::CaConfig& config,
                           Time now) {
  const auto in_force = keys::origin_signer(database, keys::OriginRole::kIssuingCa).key.name;
  std::vector<std::vector<std::string>> rows;
  json::array out;
  for (const requests::CrlState& state : requests::crl_states(database, config, now)) {
    const crypto::Certificate& own = state.ca.certificate;
    const bool issues = state.ca.key.name == in_force;
    const std::string number = state.crl ? state.crl->number() : "none";
    const std::string next = state.crl ? rfc3339(state.crl->next_update().value()) : "";
    rows.push_back({state.ca.key.name.str(), own.subject(), rfc3339(own.not_after()),
                    issues ? "yes" : "", number, next,
                    state.why.empty() ? rfc3339(state.due) : "now: " + state.why});
    out.emplace_back(json::object{{"key", state.ca.key.name.str()},
                                  {"subject", own.subject()},
                                  {"sha256", hex(own.sha256())},
                                  {"not_after", rfc3339(own.not_after())},
                                  {"issues", issues},
                                  {"crl_number", state.crl ? number : ""},
                                  {"crl_next_update", next},
                                  {"crl_due", rfc3339(state.due)},
                                  {"crl_due_now", state.why},
                                  {"crl_overdue", state.overdue}});
  }
  call.out.table({"CA KEY", "SUBJECT", "UNTIL", "ISSUES", "CRL", "ENDS", "NEXT CRL"}, rows);
  return out;
}

json::object show_configuration(Call& call, const requests::CaConfig& config) {
  if (!config.configured()) {
    call.out.say(
        "Not configured: certificates name no CRL, and there are no profiles. 'poolkey ca "
        "configure FILE' changes that (docs/ca.toml is an example).");
    return {};
  }
  call.out.say("Configured by '" + config.file + "' (SHA-256 " + config.sha256 + ").");
  std::vector<std::vector<std::string>> rows;
  json::array profiles;
  for (const requests::CaProfile& p : config.profiles) {
    rows.push_back({p.name, std::to_string(p.max.count()) + " days",
                    std::string(policy::word(p.lint)), listed(p.suffixes),
                    listed(p.key_algorithms)});
    profiles.emplace_back(p.name);
  }
  if (!rows.empty()) call.out.table({"PROFILE", "AT MOST", "LINT", "NAMES IN", "KEYS"}, rows);
  return {{"file", config.file},
          {"sha256", config.sha256},
          {"text", config.text},
          {"profiles", std::move(profiles)}};
}

int ca_show(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  store::Database& database = side.database();
  const Time now = side.context().clock.now();
  const requests::CaConfig config = requests::ca_config(database);
  json::array hierarchy = show_hierarchy(call, database, config, now);
  call.out.say("");
  json::object configuration = show_configuration(call, config);
  keys::register_earlier(database, now);
  json::object counted;
  std::string line;
  for (const auto& [state, count] : keys::count_issued(database, now)) {
    counted[state] = count;
    line += (line.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  }
  call.out.say("Certificates: " + line + ".");
  call.out.result({{"cas", std::move(hierarchy)},
                   {"configuration", std::move(configuration)},
                   {"certificates", std::move(counted)}});
  return 0;
}

int ca_list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const Time now = side.context().clock.now();
  const std::string wanted = call.arguments.one("--state");
  if (!wanted.empty() && wanted != "good" && wanted != "held" && wanted != "revoked" &&
      wanted != "ended")
    throw Error(Errc::kInvalidArgument,
                "'" + wanted + "' is no state; there are good, held, revoked and ended");
  keys::register_earlier(side.database(), now);
  std::vector<std::vector<std::string>> rows;
  json::array list;
  for (const IssuedCertificate& one : keys::all_issued(side.database())) {
    const std::string state = app::state_of(one, now);
    if (!wanted.empty() && state != wanted) continue;
    const bool revoked = one.state != IssuedState::kGood;
    rows.push_back(
        {one.serial, one.issuer.str(), one.profile,
         revoked ? state + " (" + std::string(crypto::name(one.revocation.reason)) + ")" : state,
         rfc3339(one.not_after), one.subject});
    list.emplace_back(app::issued_view(one, now));
  }
  call.out.table({"SERIAL", "ISSUER", "PROFILE", "STATE", "UNTIL", "SUBJECT"}, rows);
  call.out.result({{"certificates", std::move(list)}});
  return 0;
}

}  // namespace

std::span<const Command> ca_view_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"ca show", "origin", "show the CA's keys, CRLs, configuration and counts", {}, ca_show},
      {"ca list",
       "origin",
       "list what the CA has issued",
       {{"--state", "STATE", "only these: good, held, revoked or ended"}},
       ca_list},
  };
  return commands;
}

}  // namespace poolkey::cli
