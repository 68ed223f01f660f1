// A member's certificates: installed, taken up by its programs, and seen from outside.
#include <charconv>

#include "cli/command.h"
#include "cli/exit_code.h"
#include "crypto/tls_probe.h"
#include "pool/repository.h"
#include "pool/sync.h"

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

pool::Hook hook_of(const app::Config& config) {
  return {config.reload, config.reload_timeout.value_or(home::kReloadTimeout)};
}

/// True unless a hook failed.
bool say_reload(Call& call, const pool::Hook& hook, const pool::Reloaded& done) {
  constexpr std::string_view kWords[] = {"none", "not needed", "done", "failed"};
  call.out.result({{"reload", std::string(kWords[static_cast<std::size_t>(done.what)])}});
  if (done.what == pool::Reload::kDone) call.out.say("Ran '" + pool::joined(hook.words) + "'.");
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

void say_installed(Call& call, const pool::MemberSide& side,
                   const std::vector<pool::Installed>& installed) {
  json::array list;
  for (const pool::Installed& i : installed) {
    call.out.say(i.key.str() + ": certificate " + i.certificate.serial() +
                 (i.written ? " is installed beside the key" : " was there already"));
    call.out.say("  for programs that read files: " + i.files.string() +
                 "/{certificate,key,both}.pem");
    list.emplace_back(json::object{{"key", i.key.str()},
                                   {"serial", i.certificate.serial()},
                                   {"sha256", hex(i.certificate.sha256())},
                                   {"written", i.written},
                                   {"files", i.files.string()}});
  }
  call.out.result({{"member", side.name.str()}, {"certificates", std::move(list)}});
}

int member_install(Call& call) {
  const std::optional<crypto::Endpoint> endpoint = endpoint_of(call);
  (void)patience_of(call);
  app::App app(call.options);
  app.require(app::Side::kMember);
  app.use_token();
  pool::MemberSide side = app.member();
  if (call.arguments.has("--dry-run")) return say_plan(call, app, side, endpoint);
  std::vector<crypto::Certificate> installed;
  const std::vector<pool::Installed> all = pool::install_certificates(side);
  for (const pool::Installed& i : all) installed.push_back(i.certificate);
  say_installed(call, side, all);
  const pool::Hook hook = hook_of(app.config());
  const bool reloaded = say_reload(call, hook, pool::reload_programs(side, hook.words, hook.limit));
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
  const pool::Hook hook = hook_of(app.config());
  const pool::Synced done = pool::synchronize(side, hook, /*answer=*/true);
  app.checkpoint();
  int status = say_deliveries(call, side, done.deliveries);
  say_retired(call, done.retired);
  if (!done.installed.empty()) say_installed(call, side, done.installed);
  if (done.reloaded && !say_reload(call, hook, *done.reloaded)) status = kExitDifferences;
  if (!done.receipts.empty()) say_receipts(call, side, done.receipts);
  for (const Error& trouble : done.troubles) {
    call.out.say(trouble.what());
    status = exit_code(trouble.code());
  }
  if (done.stopped) throw Error(*done.stopped);
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
