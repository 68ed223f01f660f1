// Setting up the two sides, and looking at tokens.
#include <charconv>

#include "base/file.h"
#include "cli/command.h"
#include "home/pin.h"
#include "hsm/inventory.h"
#include "hsm/token_file.h"
#include "keys/origin.h"
#include "pool/enrol.h"
#include "pool/recipient.h"

namespace poolkey::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

const std::vector<Option>& token_options() {
  static const auto& options = *new std::vector<Option>{
      {"--module", "FILE", "PKCS#11 module (default: SoftHSM's, with tokens in the home)"},
      {"--module-arguments", "TEXT", "what the module is told when it is initialised (NSS)"},
      {"--token", "LABEL", "label of the token to make, or of the one that is there"},
      {"--existing-token", "", "use a token that is there already; only its user PIN is asked"},
      {"--mailbox", "DIR", "folder through which the two sides pass documents", true},
      {"--call-timeout", "SECONDS", "how long one call into the module may take (default: 120)"},
  };
  return options;
}

std::vector<Option> with_token_options(std::vector<Option> own) {
  own.insert(own.end(), token_options().begin(), token_options().end());
  return own;
}

std::chrono::seconds seconds(const std::string& text) {
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < 1)
    throw Error(Errc::kInvalidArgument, "'" + text + "' is not a number of seconds from 1 on");
  return std::chrono::seconds(value);
}

app::Config wanted_config(const Call& call, app::Side side, const std::string& label) {
  if (call.options.home.empty())
    throw Error(Errc::kInvalidArgument, "give the folder to set up by --home");
  if (call.options.pin.empty())
    throw Error(Errc::kInvalidArgument,
                "say by --pin where the new token's user PIN comes from; it is written to "
                "poolkey.toml as the source (never the PIN itself)");
  app::Config out;
  out.side = side;
  out.module = call.arguments.one("--module", std::string(kSoftHsm));
  out.module_arguments = call.arguments.one("--module-arguments");
  out.token_label = call.arguments.one("--token", label);
  out.mailbox = fs::absolute(call.arguments.one("--mailbox"));
  out.pin_source = home::absolute_pin_source(call.options.pin);
  if (call.arguments.has("--call-timeout"))
    out.call_timeout = seconds(call.arguments.one("--call-timeout"));
  return out;
}

app::TokenIs token_is(const Call& call) {
  return call.arguments.has("--existing-token") ? app::TokenIs::kThere : app::TokenIs::kMade;
}

int origin_init(Call& call) {
  const std::string policy_file = call.arguments.one("--policy");
  const policy::Policy policy = policy::parse_policy(read_file(policy_file), policy_file);
  app::set_up_side(call.options.home, wanted_config(call, app::Side::kOrigin, "poolkey-origin"),
                   call.options, token_is(call));
  app::App side(call.options);
  side.use_token();
  (void)side.context().token->module().profile();  // says so where the doctor has to come first
  keys::create_origin(side.context(), policy, call.arguments.one("--organization"));
  keys::checkpoint_origin(side.context());
  const crypto::Certificate root = keys::origin_root(side.database());
  call.out.say("The origin is set up: token '" + side.config().token_label + "', serial " +
               side.config().token_serial + ".");
  call.out.say("Fingerprint of its root (SHA-256), to be told to members by another way:");
  call.out.say("  " + fingerprint_text(root.sha256()));
  call.out.result({{"token", side.config().token_label},
                   {"token_serial", side.config().token_serial},
                   {"root_sha256", hex(root.sha256())}});
  return 0;
}

int member_init(Call& call) {
  const PoolName pool(call.arguments.one("--pool"));
  const MemberName member(call.arguments.one("--member"));
  app::Config config = wanted_config(call, app::Side::kMember, member.str());
  config.pool = pool;
  config.member = member;
  app::set_up_side(call.options.home, config, call.options, token_is(call));
  app::App side(call.options);
  call.out.say("Member '" + member.str() + "' of pool '" + pool.str() + "' is set up: token '" +
               side.config().token_label + "', serial " + side.config().token_serial + ".");
  call.out.result({{"pool", pool.str()},
                   {"member", member.str()},
                   {"token", side.config().token_label},
                   {"token_serial", side.config().token_serial}});
  return 0;
}

int standby_init(Call& call) {
  const std::string policy_file = call.arguments.one("--policy");
  const policy::Policy policy = policy::parse_policy(read_file(policy_file), policy_file);
  const MemberName name(call.arguments.one("--name"));
  app::Config config = wanted_config(call, app::Side::kStandby, name.str());
  config.pool = pool::standby_pool();
  config.member = name;
  app::set_up_side(call.options.home, config, call.options);
  app::App side(call.options);
  side.use_token();
  keys::create_delegate_keys(side.context(), policy);
  pool::MemberSide standby = side.member();
  const Bytes fingerprint = pool::request_enrolment(standby);
  side.checkpoint();
  call.out.say("Standby '" + name.str() + "' is set up: token '" + side.config().token_label +
               "', serial " + side.config().token_serial + ".");
  call.out.say(
      "Its request, with the keys that are to sign in the origin's name, is in the mailbox.");
  call.out.say("Fingerprint, to be read out to the origin's operator (SHA-256), who admits it by");
  call.out.say("'poolkey enrolment admit " + name.str() + " --pool standby':");
  call.out.say("  " + fingerprint_text(fingerprint));
  call.out.say("The security officer's PIN of this token is worth as much as the origin's.");
  call.out.result({{"standby", name.str()},
                   {"token_serial", side.config().token_serial},
                   {"fingerprint", hex(fingerprint)}});
  return 0;
}

int token_list(Call& call) {
  const auto module = app::load_module(home::read_config(call.options.home), call.options);
  hsm::Inventory inventory(*module);
  std::vector<std::vector<std::string>> rows;
  json::array tokens;
  for (const hsm::InventoryToken& token : inventory.tokens()) {
    json::array certificates, public_keys;
    for (const auto& c : token.certificates) certificates.emplace_back(c);
    for (const auto& k : token.public_keys) public_keys.emplace_back(k);
    rows.push_back({token.label, token.serial, token.model,
                    std::to_string(token.certificates.size()),
                    std::to_string(token.public_keys.size())});
    tokens.emplace_back(json::object{{"label", token.label},
                                     {"serial", token.serial},
                                     {"manufacturer", token.manufacturer},
                                     {"model", token.model},
                                     {"certificates", std::move(certificates)},
                                     {"public_keys", std::move(public_keys)}});
  }
  call.out.say("Tokens of " + module->path().string() + " (" + module->description() + "):");
  call.out.table({"LABEL", "SERIAL", "MODEL", "CERTIFICATES", "PUBLIC KEYS"}, rows);
  call.out.result({{"module", module->path().string()}, {"tokens", std::move(tokens)}});
  return 0;
}

int token_repair(Call& call) {
  const app::Config config = home::read_config(call.options.home);
  const auto module = app::load_module(config, call.options);
  const fs::path folder = hsm::token_folder(*module, config.token_serial);
  if (folder.empty())
    throw Error(Errc::kNotFound, "there is no folder of token '" + config.token_label +
                                     "' (serial " + config.token_serial +
                                     ") that could be repaired; only SoftHSM keeps one");
  const auto turn = module->process_lock();
  const bool restored = hsm::restore_token_file(folder);
  call.out.say(restored
                   ? "Restored the file of token '" + config.token_label +
                         "' from the copy kept before its last login."
                   : "The file of token '" + config.token_label + "' is whole; nothing was done.");
  call.out.result({{"token", config.token_label}, {"restored", restored}});
  return 0;
}

}  // namespace

std::span<const Command> setup_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"origin init", "origin", "set up the origin: its token, root, issuing CA and signers",
       with_token_options({{"--policy", "FILE",
                            "policy of the origin's own keys (policies/issuing-ca.toml)", true},
                           {"--organization", "NAME", "O in the origin's own certificates"}}),
       origin_init},
      {"member init", "member", "set up a member: its token and folder",
       with_token_options({{"--pool", "POOL", "the pool it belongs to", true},
                           {"--member", "NAME", "its name in the topology", true}}),
       member_init},
      {"standby init", "standby",
       "set up a standby origin: its token, keys and signers; ask for enrolment",
       with_token_options(
           {{"--name", "NAME", "its name, as policies name it in export.standby", true},
            {"--policy", "FILE", "policy of its own signers (policies/issuing-ca.toml)", true}}),
       standby_init},
      {"token list",
       "either",
       "show the module's tokens, with their certificates and public keys",
       {},
       token_list},
      {"token repair",
       "either",
       "put back SoftHSM's token file that a crash within a login emptied",
       {},
       token_repair},
  };
  return commands;
}

}  // namespace poolkey::cli
