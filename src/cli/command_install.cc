// A member's certificates: installed, taken up by its programs, and seen from outside.
#include <charconv>
#include <functional>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "crypto/tls_probe.h"
#include "pool/deliver.h"
#include "pool/install.h"
#include "pool/reload.h"
#include "pool/repository.h"
#include "pool/retire.h"

namespace poolkey::cli {
namespace {

constexpr std::chrono::seconds kProbeSeconds{10};

std::optional<crypto::Endpoint> endpoint_of(const Call& call) {
  if (!call.arguments.has("--probe")) {
    if (call.arguments.has("--starttls"))
      throw Error(Errc::kInvalidArgument, "--starttls goes with --probe HOST:PORT");
    return std::nullopt;
  }
  return crypto::parse_endpoint(call.arguments.one("--probe"), call.arguments.one("--starttls"));
}

std::chrono::seconds patience_of(const Call& call) {
  const std::string text = call.arguments.one("--probe-seconds");
  if (text.empty()) return kProbeSeconds;
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < 1 || value > 3600)
    throw Error(Errc::kInvalidArgument, "'" + text + "' is not a number of seconds from 1 to 3600");
  return std::chrono::seconds(value);
}

int say_plan(Call& call, const app::App& app, pool::MemberSide& side,
             const std::optional<crypto::Endpoint>& endpoint) {
  const pool::Statement held = pool::held_statement(side);
  json::array list;
  for (const auto& file : side.mailbox.for_member(side.pool, side.name, "certificate.")) {
    const pool::CheckedDelivery checked = pool::check_delivery(side, held, file);
    const crypto::Certificate& leaf = checked.delivery.certificates.front();
    call.out.say("Would install the certificate " + leaf.serial() + " of " +
                 checked.delivery.key.str() + ", until " + rfc3339(leaf.not_after()) + ".");
    list.emplace_back(json::object{{"key", checked.delivery.key.str()}, {"serial", leaf.serial()}});
  }
  if (!app.config().reload.empty())
    call.out.say("Would run '" + pool::joined(app.config().reload) +
                 "' if that changes what is on disk" +
                 (pool::needs_reload(side) ? ", and in any case: it has to be run still." : "."));
  if (endpoint) call.out.say("Would ask " + endpoint->host + ":" + endpoint->port + " for it.");
  call.out.say("Nothing was changed.");
  call.out.result({{"dry_run", true}, {"certificates", std::move(list)}});
  return 0;
}

/// True unless a hook failed.
bool reload(Call& call, const app::App& app, pool::MemberSide& side) {
  const app::Config& config = app.config();
  const pool::Reloaded done = pool::reload_programs(
      side, config.reload, config.reload_timeout.value_or(home::kReloadTimeout));
  constexpr std::string_view kWords[] = {"none", "not needed", "done", "failed"};
  call.out.result({{"reload", std::string(kWords[static_cast<std::size_t>(done.what)])}});
  if (done.what == pool::Reload::kDone) call.out.say("Ran '" + pool::joined(config.reload) + "'.");
  if (!done.sentence.empty()) call.out.say("warning: " + done.sentence + ".");
  return done.what != pool::Reload::kFailed;
}

/// True if the endpoint serves one of these.
bool probe(Call& call, crypto::Endpoint endpoint,
           const std::vector<crypto::Certificate>& installed) {
  const std::string where = endpoint.host + ":" + endpoint.port;
  const auto names = installed.front().dns_sans();
  if (!names.empty()) endpoint.server_name = names.front();
  const crypto::Probe found = crypto::await_certificate(endpoint, installed, patience_of(call));
  const std::string served = found.served ? hex(found.served->sha256()) : "";
  call.out.result({{"probe", json::object{{"endpoint", where},
                                          {"as_installed", found.as_wanted},
                                          {"served_sha256", served},
                                          {"trouble", found.trouble}}}});
  if (found.as_wanted)
    call.out.say(where + " serves it.");
  else if (!found.trouble.empty())
    call.out.say("warning: " + found.trouble);
  else
    call.out.say("warning: " + where + " serves another certificate, " + found.served->subject() +
                 ", serial " + found.served->serial() + ", until " +
                 rfc3339(found.served->not_after()) + "; reload the program that serves there.");
  return found.as_wanted;
}

std::vector<crypto::Certificate> install(Call& call, pool::MemberSide& side) {
  json::array list;
  std::vector<crypto::Certificate> out;
  for (const pool::Installed& i : pool::install_certificates(side)) {
    call.out.say(i.key.str() + ": certificate " + i.certificate.serial() +
                 (i.written ? " is installed beside the key" : " was there already"));
    call.out.say("  for programs that read files: " + i.files.string() +
                 "/{certificate,key,both}.pem");
    list.emplace_back(json::object{{"key", i.key.str()},
                                   {"serial", i.certificate.serial()},
                                   {"sha256", hex(i.certificate.sha256())},
                                   {"written", i.written},
                                   {"files", i.files.string()}});
    out.push_back(i.certificate);
  }
  call.out.result({{"member", side.name.str()}, {"certificates", std::move(list)}});
  return out;
}

int member_install(Call& call) {
  const std::optional<crypto::Endpoint> endpoint = endpoint_of(call);
  (void)patience_of(call);
  app::App app(call.options);
  app.require(app::Side::kMember);
  app.use_token();
  pool::MemberSide side = app.member();
  if (call.arguments.has("--dry-run")) return say_plan(call, app, side, endpoint);
  const std::vector<crypto::Certificate> installed = install(call, side);
  const bool reloaded = reload(call, app, side);
  app.checkpoint();
  const bool served = !endpoint || probe(call, *endpoint, installed);
  return reloaded && served ? 0 : kExitDifferences;
}

void say_retired(Call& call, const std::vector<pool::Retired>& retired) {
  for (const pool::Retired& r : retired) {
    if (r.destroyed) call.out.say(r.key.str() + ": retired, and destroyed in the token");
    if (!r.kept.empty()) call.out.say(r.key.str() + ": retired, and kept for now: " + r.kept);
    if (!r.in_use.empty())
      call.out.say("  still signing with a copy of it: " + listed(r.in_use) + "; reload them");
    call.out.append("retired",
                    {{"key", r.key.str()}, {"destroyed", r.destroyed}, {"kept", r.kept}});
  }
}

/// One part of a sync. What it cannot do is said, and the other parts are done all the same.
void part(Call& call, int& status, const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    if (error.code() == Errc::kNotFound) return;  // nothing of its kind is in the mailbox
    if (error.code() == Errc::kAuthFailed || error.code() == Errc::kUnavailable) throw;
    call.out.say(error.what());
    status = exit_code(error.code());
  }
}

/// By the statement held: what a newer one in the mailbox says is not known before it is taken.
int say_sync_plan(Call& call, pool::MemberSide& side) {
  json::array files;
  for (const auto& file : side.mailbox.for_member(side.pool, side.name, "")) {
    call.out.say("Would check and take '" + file.string() + "'.");
    files.emplace_back(file.string());
  }
  json::array retired;
  for (const pool::Statement::Version& v : pool::held_statement(side).versions)
    if (!v.retired.empty()) {
      call.out.say("Would destroy what is left of " + v.key.str() + " (" + v.retired + ").");
      retired.emplace_back(v.key.str());
    }
  call.out.say("Nothing was changed.");
  call.out.result(
      {{"dry_run", true}, {"files", std::move(files)}, {"retired", std::move(retired)}});
  return 0;
}

/// A standby has no certificates.
int member_sync(Call& call) {
  app::App app(call.options);
  if (app.config().side != app::Side::kStandby) app.require(app::Side::kMember);
  app.use_token();
  pool::MemberSide side = app.member();
  if (call.arguments.has("--dry-run")) return say_sync_plan(call, side);
  int status = say_deliveries(call, app, side);
  part(call, status, [&] { say_retired(call, pool::destroy_retired(side)); });
  if (app.config().side == app::Side::kMember)
    part(call, status, [&] {
      install(call, side);
      if (!reload(call, app, side)) status = kExitDifferences;
    });
  part(call, status, [&] { (void)say_receipts(call, app, side); });
  return status;
}

}  // namespace

std::span<const Command> install_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"member install",
       "member",
       "write the certificates in the mailbox beside their keys, and run the reload hook",
       {{"--probe", "HOST:PORT", "then see by TLS that this endpoint serves one of them"},
        {"--starttls", "PROTOCOL", "TLS begins within smtp, imap or pop3"},
        {"--probe-seconds", "SECONDS", "for how long to ask (default: 10)"},
        {"--dry-run", "", "only say what would be done"}},
       member_install},
      {"member sync",
       "member",
       "all that the mailbox asks for: receive, destroy what is retired, install, prove; for a "
       "timer",
       {{"--dry-run", "", "only say what would be done"}},
       member_sync},
      {"standby sync",
       "standby",
       "all that the mailbox asks for: receive, destroy what is retired, prove; for a timer",
       {{"--dry-run", "", "only say what would be done"}},
       member_sync},
  };
  return commands;
}

}  // namespace poolkey::cli
