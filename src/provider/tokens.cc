#include "provider/tokens.h"

#include <cstdlib>

#include "provider/guard.h"
#include "provider/pin_file.h"

namespace poolkey::provider {
namespace {

std::string described(const std::vector<hsm::TokenInfo>& infos) {
  std::string out;
  for (const hsm::TokenInfo& info : infos)
    if (info.initialized())
      out += (out.empty() ? "'" : ", '") + info.label + "' (serial " + info.serial + ")";
  return out.empty() ? "none" : out;
}

}  // namespace

Tokens::Tokens(std::shared_ptr<hsm::Token> token) {
  module_ = token->shared_module();
  settings_.module = module_->path();
  settings_.token = token->info().label;
  settings_.serial = token->info().serial;
  open_.push_back(std::make_shared<SigningToken>(std::move(token), /*logged_in=*/true));
}

Tokens::Tokens(const Core& core) {
  try {
    settings_ = read_settings(core);
  } catch (const Error& error) {
    fault_ = error;
  }
}

void Tokens::complete_settings() {
  if (fault_) throw Error(*fault_);
  // Once: a process that gave up its rights may not be able to read the home any more.
  if (!complete_) settings_ = completed(settings_);
  complete_ = true;
}

Settings Tokens::settings() {
  const std::lock_guard hold(mutex_);
  complete_settings();
  return settings_;
}

UriRules Tokens::uri_rules() {
  const Settings now = settings();
  return {now.module, now.allow_uri_pin};
}

void Tokens::load_module() {
  complete_settings();
  if (module_) return;
  if (settings_.module.empty())
    throw Error(Errc::kInvalidArgument,
                "neither poolkey-module nor poolkey-home is set in poolkey's section of "
                "openssl.cnf");
  if (!std::filesystem::exists(settings_.module))
    throw Error(Errc::kNotFound, "there is no PKCS#11 module '" + settings_.module.string() +
                                     "'; correct poolkey-module in openssl.cnf");
  if (!settings_.softhsm_conf.empty())
    ::setenv("SOFTHSM2_CONF", settings_.softhsm_conf.c_str(), /*overwrite=*/1);
  module_ = hsm::Module::load(settings_.module, hsm::Module::Process::kForeign,
                              settings_.module_arguments);
  watch_for_the_end();
}

std::vector<hsm::TokenInfo> Tokens::matching(const hsm::Uri& uri) const {
  std::vector<hsm::TokenInfo> out;
  for (hsm::TokenInfo& info : module_->tokens())
    if (uri.matches(info) && uri.matches_place(*module_, info.slot) &&
        (settings_.token.empty() || settings_.token == info.label) &&
        (settings_.serial.empty() || settings_.serial == info.serial))
      out.push_back(std::move(info));
  return out;
}

std::shared_ptr<SigningToken> Tokens::find(const hsm::Uri& uri) {
  const std::lock_guard hold(mutex_);
  load_module();
  std::vector<hsm::TokenInfo> found = matching(uri);
  // A reload kills every handle of the process, so only while none of ours is in use.
  if (found.empty() && open_.empty() && module_->quirks().reload_before_missing &&
      module_->reload())
    found = matching(uri);
  if (found.empty())
    throw Error(Errc::kNotFound,
                "no token matches '" + uri.str() + "'" +
                    (settings_.token.empty() ? "" : " and is '" + settings_.token + "'") +
                    "; the tokens of '" + module_->path().string() +
                    "': " + described(module_->tokens()));
  if (found.size() > 1)
    throw Error(Errc::kConflict, "'" + uri.str() + "' matches several tokens: " + described(found) +
                                     "; name one by token= or serial=");
  const hsm::TokenInfo& wanted = found.front();
  for (const auto& token : open_)
    if (token->info().serial == wanted.serial && token->info().label == wanted.label) return token;
  open_.push_back(std::make_shared<SigningToken>(
      hsm::Token::open(module_, {wanted.label, wanted.serial}), /*logged_in=*/false));
  return open_.back();
}

void Tokens::login(SigningToken& token, const PinSource& prompt) const {
  if (settings_.pin_file.empty()) return token.login(prompt);
  token.login([this] { return read_pin_file(settings_.pin_file, "poolkey-pin-source"); });
}

}  // namespace poolkey::provider
