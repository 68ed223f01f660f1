// The verbs of a delivery station: a member's side for a Windows Edge Server, which has no PKCS#11.
#include "base/file.h"
#include "cli/command.h"
#include "home/pin.h"
#include "pool/deliver.h"
#include "pool/enrol.h"
#include "pool/prove.h"
#include "pool/windows_delivery.h"

namespace poolkey::cli {
namespace {

namespace fs = std::filesystem;

/// A station with its key files open.
struct StationCall {
  explicit StationCall(Call& call) : app(call.options), side((open(app), app.member())) {}
  static void open(app::App& app) {
    app.require(app::Side::kStation);
    app.use_token();
  }
  app::App app;
  pool::MemberSide side;
};

bool is_dry_run(Call& call) {
  const bool dry = call.arguments.has("--dry-run");
  call.out.result({{"dry_run", dry}});
  return dry;
}

int plan_only(Call& call, const std::string& would) {
  call.out.say("Would " + would + ". Nothing was changed.");
  return 0;
}

app::Config wanted_config(Call& call) {
  if (call.options.home.empty())
    throw Error(Errc::kInvalidArgument, "give the folder to set up by --home");
  if (call.options.pin.empty())
    throw Error(Errc::kInvalidArgument,
                "say by --pin where the PIN of the key files comes from; it is written to "
                "poolkey.toml as the source (never the PIN itself)");
  app::Config out;
  out.side = app::Side::kStation;
  out.pool = PoolName(call.arguments.one("--pool"));
  out.member = MemberName(call.arguments.one("--member"));
  out.mailbox = fs::absolute(call.arguments.one("--mailbox"));
  out.pin_source = home::absolute_pin_source(call.options.pin);
  return out;
}

int station_init(Call& call) {
  const app::Config config = wanted_config(call);
  const std::string whom =
      "member '" + config.member->str() + "' of pool '" + config.pool->str() + "'";
  if (is_dry_run(call))
    return plan_only(call, "make '" + call.options.home.string() + "' the delivery station of " +
                               whom +
                               ", with a transport key (RSA-3072) and an identity key (P-256) " +
                               "in encrypted files");
  app::set_up_station(call.options.home, config, call.options);
  call.out.say("The delivery station of " + whom +
               " is set up. Its keys are in encrypted files in '" +
               (call.options.home / "keys").string() + "'.");
  call.out.result({{"pool", config.pool->str()}, {"member", config.member->str()}});
  return 0;
}

int station_enrol(Call& call) {
  StationCall s(call);
  if (is_dry_run(call))
    return plan_only(call, "ask for the enrolment of '" + s.side.name.str() +
                               "' as a member whose keys are in software");
  const Bytes fingerprint = pool::request_enrolment(s.side);
  s.app.checkpoint();
  call.out.say("The enrolment request of '" + s.side.name.str() +
               "', as a member whose keys are in software, is in the mailbox.");
  call.out.say("Its fingerprint, to be read out to the origin's operator (SHA-256):");
  call.out.say("  " + fingerprint_text(fingerprint));
  call.out.say("The origin admits it by 'poolkey enrolment admit " + s.side.name.str() +
               " --software', and the policy of a key must name '" + s.side.pool.str() + "/" +
               s.side.name.str() + "' in export.software_recipients.");
  call.out.result(
      {{"member", s.side.name.str()}, {"keys_in", "software"}, {"fingerprint", hex(fingerprint)}});
  return 0;
}

int station_confirm(Call& call) {
  StationCall s(call);
  const Bytes fingerprint = from_hex(call.arguments.one("--root-fingerprint"));
  if (is_dry_run(call))
    return plan_only(call, "pin the root with the fingerprint " + fingerprint_text(fingerprint) +
                               ", if the origin's confirmation carries it");
  const crypto::Certificate root = pool::confirm_enrolment(s.side, fingerprint);
  s.app.checkpoint();
  call.out.say("'" + s.side.name.str() + "' is enrolled; its station has pinned the root '" +
               root.subject() + "'.");
  call.out.result({{"member", s.side.name.str()}, {"root_sha256", hex(root.sha256())}});
  return 0;
}

int station_receive(Call& call) {
  StationCall s(call);
  if (is_dry_run(call)) {
    for (const fs::path& file : s.side.mailbox.for_member(s.side.pool, s.side.name, "envelope."))
      call.out.say("  " + file.string());
    return plan_only(call, "take the newest statement, and open and keep the envelopes above");
  }
  return receive_and_say(call, s.app, s.side);
}

int station_prove(Call& call) {
  StationCall s(call);
  if (is_dry_run(call))
    return plan_only(call, "answer the origin's challenge with every key whose envelope is here");
  return prove_and_say(call, s.app, s.side);
}

std::optional<Time> time_of(const Call& call, const std::string& option) {
  if (!call.arguments.has(option)) return std::nullopt;
  return parse_rfc3339(call.arguments.one(option));
}

pool::PfxOrder order_of(const Call& call) {
  pool::PfxOrder out{.key = parse_key_version(call.arguments.one("KEY")),
                     .types = call.arguments.all("--type"),
                     .effective = time_of(call, "--effective"),
                     .folder = call.arguments.one("--out"),
                     .passphrase_file = call.arguments.one("--passphrase-out")};
  if (call.arguments.has("--legacy")) out.algorithms = crypto::PfxAlgorithms::kLegacy;
  if (out.passphrase_file.empty() == !call.arguments.has("--show-passphrase"))
    throw Error(Errc::kInvalidArgument,
                "say either --passphrase-out FILE or --show-passphrase: without the passphrase "
                "nobody can import the PFX");
  return out;
}

json::array list_of(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

int station_deliver(Call& call) {
  StationCall s(call);
  const pool::PfxPlan plan = pool::plan_pfx(s.side, order_of(call));
  const pool::PfxOrder& order = plan.order;
  const pool::WindowsDelivery& d = plan.delivery;
  const std::string when = d.effective ? ", staged until " + rfc3339(*d.effective) : ", at once";
  call.out.result({{"key", d.key.str()},
                   {"thumbprint", d.thumbprint},
                   {"types", list_of(d.types)},
                   {"friendly_name", plan.friendly_name},
                   {"effective_at", d.effective ? rfc3339(*d.effective) : ""}});
  if (is_dry_run(call))
    return plan_only(call, "write a PFX of " + d.key.str() + " (thumbprint " + d.thumbprint +
                               ") and install.ps1 to '" + order.folder.string() + "', for " +
                               listed(d.types) + when);
  const pool::WrittenPfx written = pool::write_pfx(s.side, plan);
  s.app.checkpoint();
  const fs::path pfx = order.folder / written.delivery.pfx_name;
  const fs::path script = order.folder / "install.ps1";
  call.out.say("Written for '" + s.side.name.str() + "', " + listed(d.types) + when + ":");
  call.out.say("  " + pfx.string() + "  SHA-256 " + written.delivery.pfx_sha256);
  call.out.say("  " + script.string());
  if (order.passphrase_file.empty()) {
    call.out.say("The passphrase, which is kept nowhere:");
    call.out.say("  " + to_text(written.passphrase.view()));
    call.out.result({{"passphrase", to_text(written.passphrase.view())}});
  } else {
    call.out.say("The passphrase is in '" + order.passphrase_file.string() +
                 "'; take it to the host by another way.");
  }
  call.out.say("Bring back the receipt that install.ps1 writes, and delete the PFX.");
  call.out.result({{"pfx", pfx.string()},
                   {"pfx_sha256", written.delivery.pfx_sha256},
                   {"script", script.string()},
                   {"delivery", written.delivery.nonce}});
  return 0;
}

int station_receipt(Call& call) {
  StationCall s(call);
  const bool dry = is_dry_run(call);
  const pool::TakenReceipt taken = pool::take_windows_receipt(
      s.side, read_file(call.arguments.one("FILE")), call.arguments.has("--unsigned"), dry);
  if (!dry) s.app.checkpoint();
  const pool::WindowsReceipt& r = taken.receipt;
  call.out.say("'" + r.host + "' says at " + rfc3339(r.clock) + " (its clock) that " + r.key.str() +
               " is assigned with the thumbprint " + r.thumbprint + ".");
  call.out.say(taken.is_signed
                   ? "It is signed by the key itself: whoever wrote it could use that key. Which "
                     "host that was, and that no other copy exists, it does not show."
                   : "It is not signed: this is the word of whoever brought it, and no more.");
  if (!r.chain_is_valid)
    call.out.say("warning: the host does not trust the chain; put the root into its store");
  if (dry) call.out.say("Nothing was changed.");
  call.out.result({{"key", r.key.str()},
                   {"host", r.host},
                   {"step", r.step},
                   {"clock", rfc3339(r.clock)},
                   {"thumbprint", r.thumbprint},
                   {"signed", taken.is_signed},
                   {"chain_is_valid", r.chain_is_valid}});
  return 0;
}

/// "signed receipt of 2026-11-23T12:00:00Z"
std::string receipt_state(const pool::StoredPfx& pfx) {
  if (!pfx.received_at) return "no receipt";
  return std::string(pfx.is_signed ? "signed" : "unsigned") + " receipt of " + *pfx.received_at;
}

int station_status(Call& call) {
  StationCall s(call);
  const pool::Statement statement = pool::held_statement(s.side);
  std::vector<std::vector<std::string>> rows, written;
  json::array keys, deliveries;
  for (const pool::Statement::Version& v : statement.versions) {
    const bool present = pool::open_replica(s.side, v) != nullptr;
    rows.push_back({v.key.str(), present ? "opens" : "absent", v.in_force ? "yes" : "no"});
    keys.emplace_back(json::object{
        {"key", v.key.str()}, {"state", present ? "present" : "absent"}, {"in_force", v.in_force}});
  }
  for (const pool::StoredPfx& pfx : pool::stored_pfx(s.app.database())) {
    written.push_back({pfx.key.str(), pfx.thumbprint, pfx.written_at,
                       pfx.effective_at.value_or("at once"), receipt_state(pfx)});
    deliveries.emplace_back(json::object{{"key", pfx.key.str()},
                                         {"delivery", pfx.nonce},
                                         {"thumbprint", pfx.thumbprint},
                                         {"written_at", pfx.written_at},
                                         {"effective_at", pfx.effective_at.value_or("")},
                                         {"received_at", pfx.received_at.value_or("")},
                                         {"signed", pfx.is_signed}});
  }
  call.out.say("Delivery station of '" + s.side.name.str() + "' of pool '" + s.side.pool.str() +
               "', by its statement " + std::to_string(statement.sequence) + ":");
  call.out.table({"KEY", "ENVELOPE", "IN FORCE"}, rows);
  call.out.say("");
  call.out.table({"KEY", "THUMBPRINT", "PFX WRITTEN", "EFFECTIVE", "HOST"}, written);
  call.out.result({{"member", s.side.name.str()},
                   {"keys", std::move(keys)},
                   {"deliveries", std::move(deliveries)}});
  return 0;
}

}  // namespace

std::span<const Command> station_commands() {
  static const Option kDryRun{"--dry-run", "", "only say what would be done"};
  static const auto& commands = *new std::vector<Command>{
      {"station init",
       "station",
       "set up the delivery station of one Windows member: its keys in encrypted files",
       {{"--pool", "POOL", "the pool it belongs to", true},
        {"--member", "NAME", "the member's name in the topology", true},
        {"--mailbox", "DIR", "folder through which the two sides pass documents", true},
        kDryRun},
       station_init},
      {"station enrol",
       "station",
       "ask the origin for enrolment, as a member whose keys are in software",
       {kDryRun},
       station_enrol},
      {"station confirm",
       "station",
       "pin the origin's root after comparing its fingerprint",
       {{"--root-fingerprint", "SHA256", "as the origin's operator reads it out", true}, kDryRun},
       station_confirm},
      {"station receive",
       "station",
       "open the envelopes in the mailbox in memory, check them, and keep them sealed",
       {kDryRun},
       station_receive},
      {"station prove",
       "station",
       "answer the origin's challenge with every key whose envelope is here",
       {kDryRun},
       station_prove},
      {"station deliver",
       "station",
       "write a PFX and install.ps1 for the Windows host",
       {{"KEY", "KEY@N", "the key version, whose certificate is in the mailbox", true},
        {"--out", "DIR", "folder for the PFX and the script; it must not be there yet", true},
        {"--passphrase-out", "FILE", "write the passphrase here (mode 0600), and not into DIR"},
        {"--show-passphrase", "", "show the passphrase instead; it is kept nowhere"},
        {"--effective", "TIME", "stage the certificate until then (2027-03-01T06:00:00Z)"},
        {"--type", "TYPE", "of Set-CsCertificate (default: those of the role)", false, true},
        {"--legacy", "", "3DES and SHA-1, for Windows before Server 2019"},
        kDryRun},
       station_deliver},
      {"station receipt",
       "station",
       "check and take what install.ps1 wrote on the host",
       {{"FILE", "FILE", "the receipt", true},
        {"--unsigned", "", "take a receipt that the installed key did not sign"},
        kDryRun},
       station_receipt},
      {"station status",
       "station",
       "show which envelopes open, and what the host has reported",
       {},
       station_status},
  };
  return commands;
}

}  // namespace poolkey::cli
