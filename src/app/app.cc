#include "app/app.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "app/softhsm.h"
#include "base/file.h"
#include "base/log.h"
#include "crypto/private_key.h"
#include "home/pin.h"
#include "hsm/husk.h"
#include "keys/origin.h"
#include "keys/outside_head.h"

namespace poolkey::app {
namespace {

namespace fs = std::filesystem;

hsm::TokenName token_name(const Config& config) {
  return {config.token_label, config.token_serial};
}

fs::path key_folder(const fs::path& home) { return home / "keys"; }

std::string owner_of(const Config& config, hsm::Role role) {
  if (config.side == Side::kStation)
    return "the key files of the station of '" + config.member->str() + "'";
  return std::string(role == hsm::Role::kUser ? "the user" : "the security officer") +
         " of token '" + config.token_label + "'";
}

home::PinSource source_for(const Config& config, const Options& options, hsm::Role role) {
  return role == hsm::Role::kUser
             ? home::parse_pin_source(options.pin.empty() ? config.pin_source : options.pin)
             : home::parse_so_pin_source(options.so_pin.empty() ? "prompt" : options.so_pin);
}

/// Whether a process died within a step, so that the token may hold what it left.
bool was_interrupted(store::Journal& journal) {
  const auto pending = journal.pending();
  return std::ranges::any_of(pending,
                             [](const auto& left) { return left.interrupted.has_value(); });
}

/// A home's own profile, where the doctor has written one, instead of the one poolkey brings.
void use_profile(hsm::Module& module, const hsm::TokenInfo& token, const fs::path& file) {
  if (!fs::exists(file)) return;
  hsm::Profile profile = hsm::parse_profile(read_file(file), file.string());
  hsm::check_make(profile, module.make(token), file.string());
  module.use_profile(std::move(profile));
}

/// A token that is there: a wrong PIN is told now, and not when the first verb needs it.
std::string serial_of_existing(const std::shared_ptr<hsm::Module>& module, const Config& config,
                               const Options& options) {
  const auto token = hsm::Token::open(module, token_name(config));
  token->login(hsm::Role::kUser, ask_pin(config, options, hsm::Role::kUser));
  if (token->info().serial.empty())
    throw Error(Errc::kUnsupported,
                "the token '" + config.token_label + "' has no serial number to know it again by");
  return token->info().serial;
}

std::string serial_of_new(const std::shared_ptr<hsm::Module>& module, const Config& config,
                          const Options& options, bool begun_before) {
  const auto new_pin = [&](hsm::Role role) {
    return home::read_new_pin(source_for(config, options, role), owner_of(config, role));
  };
  const Pin so_pin = new_pin(hsm::Role::kSecurityOfficer);
  const Pin user_pin = new_pin(hsm::Role::kUser);
  return hsm::init_token(module, config.token_label, so_pin, user_pin, begun_before).serial;
}

bool same_side(const Config& a, const Config& b) {
  return a.side == b.side && a.pool == b.pool && a.member == b.member &&
         a.token_label == b.token_label;
}

}  // namespace

std::string current_actor() {
  const uid_t uid = ::getuid();
  const passwd* user = ::getpwuid(uid);
  return "uid:" + std::to_string(uid) + (user != nullptr ? " " + std::string(user->pw_name) : "");
}

std::shared_ptr<hsm::Module> load_module(const Config& config, const Options& options) {
  if (!config.softhsm2_conf.empty())
    ::setenv("SOFTHSM2_CONF", config.softhsm2_conf.c_str(), /*overwrite=*/1);
  std::optional<hsm::Deadline> deadline;
  if (options.overdue)
    deadline = {config.call_timeout.value_or(home::kCallTimeout), options.overdue};
  return hsm::Module::load(config.module, hsm::Module::Process::kOurs, config.module_arguments,
                           std::move(deadline));
}

App::App(Options options)
    : options_(std::move(options)),
      config_(home::read_config(options_.home)),
      database_(store::Database::open(options_.home / kDatabaseFile)),
      journal_(database_),
      audit_(database_, clock_),
      context_{.database = database_,
               .journal = journal_,
               .audit = audit_,
               .clock = clock_,
               .token = nullptr,
               .load_key = {},
               .library = nullptr,
               .actor = options_.actor.empty() ? current_actor() : options_.actor,
               .home = options_.home,
               .witness = options_.witness.empty() ? config_.witness : options_.witness} {
  // A bad source is told before anything begins.
  if (!options_.pin.empty()) (void)home::parse_pin_source(options_.pin);
  if (!options_.so_pin.empty()) (void)home::parse_so_pin_source(options_.so_pin);
}

App::~App() {
  loaded_.clear();
  if (!options_.keep || options_.shared) return;
  options_.keep(std::make_shared<OpenToken>(
      OpenToken{std::move(module_), std::move(token_), std::move(provider_)}));
}

void App::require(Side side) const {
  if (config_.side == side) return;
  throw Error(Errc::kInvalidArgument, "this is a verb of " + std::string(name(side)) + ", and '" +
                                          options_.home.string() + "' is the home of " +
                                          std::string(name(config_.side)) + "; give --home");
}

void App::open_token(LogCheck check) {
  if (token_) return;
  if (config_.side == Side::kStation)
    throw Error(Errc::kUnsupported, "a delivery station has no token");
  if (config_.token_serial.empty())
    throw Error(Errc::kNotFound, "the set-up of '" + options_.home.string() +
                                     "' was interrupted; run the init verb again");
  if (options_.shared) return use_shared();
  module_ = load_module(config_, options_);
  token_ = hsm::Token::open(module_, token_name(config_));
  use_profile(*module_, token_->info(), profile_file(options_.home));
  context_.token = token_;
  // Asked before this run begins a step of its own.
  after_interruption_ = was_interrupted(journal_);
  if (check == LogCheck::kRequire) keys::require_no_older_log(context_);
}

Pin App::ask_pin(hsm::Role role) const { return app::ask_pin(config_, options_, role); }

void App::log_in(hsm::Role role) { log_in(role, ask_pin(role)); }

void App::log_in(hsm::Role role, const Pin& pin) {
  require_own_token("a login");
  loaded_.clear();
  token_->login(role, pin);
  if (role != hsm::Role::kUser || provider_) return;
  if (after_interruption_) (void)hsm::remove_husks(*token_);
  provider_ = std::make_shared<provider::Builtin>(token_);
  let_sign();
}

void App::let_sign() {
  context_.library = provider_->context();
  context_.load_key = [this](std::string_view uri) { return load_key(uri); };
}

crypto::EvpPkey App::load_key(std::string_view uri) {
  const auto found = loaded_.find(uri);
  if (found != loaded_.end()) return crypto::another(found->second);
  return crypto::another(
      loaded_.emplace(std::string(uri), provider_->load_private_key(uri)).first->second);
}

void App::use_shared() {
  module_ = options_.shared->module;
  token_ = options_.shared->token;
  provider_ = options_.shared->provider;
  context_.token = token_;
  let_sign();
}

void App::require_own_token(std::string_view what) const {
  if (!options_.shared) return;
  throw Error(Errc::kUnsupported, std::string(what) +
                                      " is not for the running service: run the verb as a process "
                                      "of its own");
}

void App::use_token() {
  if (config_.side == Side::kStation) {
    software_ =
        std::make_unique<pool::SoftwareKeys>(key_folder(options_.home), ask_pin(hsm::Role::kUser));
    return;
  }
  open_token();
  if (!options_.shared) log_in(hsm::Role::kUser);
}

void App::with_configuration(const fs::path& softhsm2_conf,
                             const std::function<void(const std::shared_ptr<hsm::Module>&)>& act) {
  require_own_token("another configuration of the module");
  // Whatever holds a handle of the module goes before the module starts anew.
  const auto turn_to = [&](const fs::path& conf) {
    loaded_.clear();
    context_.load_key = {};
    context_.library = nullptr;
    provider_.reset();
    context_.token.reset();
    token_.reset();
    ::setenv("SOFTHSM2_CONF", conf.c_str(), /*overwrite=*/1);
    if (!module_->reload())
      throw Error(Errc::kUnsupported,
                  "'" + config_.module.string() + "' is in use by another part of this process");
  };
  const fs::path ours = hsm::softhsm_configuration();
  const auto return_to_ours = [&] {
    turn_to(ours);
    token_ = hsm::Token::open(module_, token_name(config_));
    context_.token = token_;
  };
  turn_to(softhsm2_conf);
  try {
    act(module_);
  } catch (const Error&) {
    try {
      return_to_ours();
    } catch (const Error& error) {  // the first fault is the one to tell
      log("app").error("the token could not be opened again: {}", error.what());
    }
    throw;
  }
  return_to_ours();
}

void App::checkpoint() {
  if (config_.side != Side::kMember && config_.side != Side::kStation)
    return keys::checkpoint_origin(context_);
  pool::MemberSide side = member();
  pool::checkpoint_member(side);
}

pool::MemberSide App::member() {
  return {context_,
          mailbox(),
          config_.pool.value(),
          config_.member.value(),
          options_.home / "state",
          software_.get()};
}

fs::path profile_file(const fs::path& home) { return home / "profile.toml"; }

Pin ask_pin(const Config& config, const Options& options, hsm::Role role) {
  return home::read_pin(source_for(config, options, role), owner_of(config, role));
}

void set_up_side(const fs::path& home, Config wanted, const Options& options, TokenIs token) {
  Config config = home::has_config(home) ? home::read_config(home) : wanted;
  if (!same_side(config, wanted))
    throw Error(Errc::kAlreadyExists, "'" + home.string() +
                                          "' is already the home of another "
                                          "side or token; nothing was changed");
  make_private_folder(home);
  store::Database database = store::Database::open(home / kDatabaseFile);
  store::Journal journal(database);
  if (!config.token_serial.empty()) {
    journal.settle("set up", config.token_label);
    return;
  }
  store::Operation operation = journal.begin("set up", config.token_label);
  operation.step("configuration", [&]() -> std::string {
    if (config.softhsm2_conf.empty() &&
        config.module.filename().string().find("softhsm") != std::string::npos)
      config.softhsm2_conf = ensure_softhsm_conf(home);
    home::write_config(home, config);
    return "done";
  });
  const auto module = load_module(config, options);
  config.token_serial = operation.step("token", [&] {
    return token == TokenIs::kThere ? serial_of_existing(module, config, options)
                                    : serial_of_new(module, config, options, operation.resumed());
  });
  operation.step("serial", [&]() -> std::string {
    home::write_config(home, config);
    return "done";
  });
  operation.finish();
}

void set_up_station(const fs::path& home, Config wanted, const Options& options) {
  const Config config = home::has_config(home) ? home::read_config(home) : wanted;
  if (!same_side(config, wanted))
    throw Error(Errc::kAlreadyExists, "'" + home.string() +
                                          "' is already the home of another side or member; "
                                          "nothing was changed");
  const bool fresh = !pool::SoftwareKeys::are_in(key_folder(home));
  const home::PinSource source = source_for(config, options, hsm::Role::kUser);
  const std::string whose = owner_of(config, hsm::Role::kUser);
  const Pin pin = fresh ? home::read_new_pin(source, whose) : home::read_pin(source, whose);
  make_private_folder(home);
  pool::SoftwareKeys::make(key_folder(home), pin);
  // Last: a home with a configuration is whole.
  home::write_config(home, config);
}

}  // namespace poolkey::app
