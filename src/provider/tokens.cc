#include "provider/tokens.h"

#include <algorithm>
#include <thread>

#include "hsm/token_file.h"
#include "provider/pin_file.h"

namespace poolkey::provider {
namespace {

using namespace std::chrono_literals;

/// How long a URI names what it named: as long as a session copy goes on without a look.
constexpr auto kBelieved = 5s;
constexpr std::size_t kMaxRemembered = 256;
constexpr auto kPause = 20ms;

std::string described(const std::vector<hsm::TokenInfo>& infos) {
  std::string out;
  for (const hsm::TokenInfo& info : infos)
    if (info.initialized())
      out += (out.empty() ? "'" : ", '") + info.label + "' (serial " + info.serial + ")";
  return out.empty() ? "none" : out;
}

bool is_named(const hsm::TokenName& name, const hsm::TokenInfo& info) {
  return (name.label.empty() || name.label == info.label) &&
         (name.serial.empty() || name.serial == info.serial);
}

/// Of a token that is away nothing is known but how it is called.
bool may_match(const hsm::Uri& uri, const hsm::TokenName& name) {
  return (!uri.token || name.label.empty() || *uri.token == name.label) &&
         (!uri.serial || name.serial.empty() || *uri.serial == name.serial);
}

}  // namespace

Tokens::Tokens(std::shared_ptr<hsm::Token> token)
    : ours_(token), host_(std::make_shared<Host>(token->shared_module())) {
  settings_.tokens = {token->name()};
  tokens_.push_back(std::make_shared<SigningToken>(host_, std::move(token)));
}

Tokens::Tokens(const Core& core) {
  try {
    settings_ = read_settings(core);
  } catch (const Error& error) {
    fault_ = error;
  }
}

const Settings& Tokens::settings() {
  if (fault_) throw Error(*fault_);
  std::call_once(completed_, [this] { settings_ = completed(settings_); });
  return settings_;
}

UriRules Tokens::uri_rules() { return {settings().module.path, settings().allow_uri_pin}; }

std::shared_ptr<Host> Tokens::host() {
  const std::filesystem::path& path = settings().module.path;
  {
    const std::lock_guard hold(mutex_);
    if (host_) return host_;
  }
  if (path.empty())
    throw Error(Errc::kInvalidArgument,
                "neither poolkey-module nor poolkey-home is set in poolkey's section of "
                "openssl.cnf");
  if (!std::filesystem::exists(path))
    throw Error(Errc::kNotFound, "there is no PKCS#11 module '" + path.string() +
                                     "'; correct poolkey-module in openssl.cnf" +
                                     (settings_.home.empty()
                                          ? ""
                                          : ", or 'module' in '" +
                                                (settings_.home / "poolkey.toml").string() + "'"));
  auto made = Host::of(settings_.module);  // which waits for a fork, and a fork for whoever holds
  const std::lock_guard hold(mutex_);
  host_ = std::move(made);
  return host_;
}

std::vector<hsm::TokenInfo> Tokens::present(const hsm::Uri& uri) {
  if (ours_) return {ours_->info()};
  const auto module = host();
  const auto until = deadline();
  for (;;) {
    std::uint64_t seen = 0;
    try {
      const Host::Visit visit = module->visit(until);
      seen = visit.module()->incarnation();
      auto infos = visit.module()->tokens();
      std::erase_if(infos, [&](const hsm::TokenInfo& info) {
        return !uri.matches_place(*visit.module(), info.slot);
      });
      return infos;
    } catch (const Error& error) {
      if (!remedy_for(error).possible() || Clock::now() + kPause >= until) throw;
    }
    try {
      if (!module->restart(seen, /*suspected=*/true, nullptr, until))
        std::this_thread::sleep_for(kPause);
    } catch (const Error&) {
      std::this_thread::sleep_for(kPause);
    }
  }
}

bool Tokens::look_anew() {
  const auto module = host();
  std::uint64_t seen = 0;
  {
    const Host::Visit visit = module->visit(deadline());
    if (!visit.module()->quirks().reload_before_missing) return false;
    seen = visit.module()->incarnation();
  }
  return module->restart(seen, /*suspected=*/true, nullptr, deadline());
}

std::shared_ptr<SigningToken> Tokens::token(const hsm::TokenName& name) {
  const auto module = host();
  const std::lock_guard hold(mutex_);
  for (const auto& known : tokens_)
    if (known->name().label == name.label && known->name().serial == name.serial) return known;
  SigningToken::Options options{.max_sessions = settings_.max_sessions};
  if (settings_.pool) options.state_folder = settings_.home / "state";
  if (!settings_.pin_file.empty()) {
    options.pin = [file = settings_.pin_file] { return read_pin_file(file, "poolkey-pin-source"); };
    options.pin_remark = "; PINs are read from '" + settings_.pin_file.string() + "'";
  }
  tokens_.push_back(std::make_shared<SigningToken>(module, name, std::move(options)));
  return tokens_.back();
}

void Tokens::throw_none(const hsm::Uri& uri, const std::vector<hsm::TokenInfo>& infos) const {
  std::string named;
  for (const hsm::TokenName& name : settings_.tokens)
    named += (named.empty() ? " and is " : " or ") + name.str();
  throw Error(Errc::kNotFound,
              "no token matches '" + uri.str() + "'" + named +
                  "; correct the URI, or poolkey-token and poolkey-serial in openssl.cnf; the "
                  "tokens of " +
                  hsm::place_of(ours_ ? ours_->module() : *host_->visit(deadline()).module()) +
                  ": " + described(infos));
}

std::vector<std::shared_ptr<SigningToken>> Tokens::matching(const hsm::Uri& uri) {
  const std::vector<hsm::TokenName>& named = settings().tokens;
  const auto fits = [&](const hsm::TokenInfo& info) { return uri.matches(info); };
  std::vector<hsm::TokenInfo> infos = present(uri);
  if (std::ranges::none_of(infos, fits) && named.empty() && look_anew()) infos = present(uri);
  std::vector<std::shared_ptr<SigningToken>> out;
  if (named.empty()) {
    const auto count = std::ranges::count_if(infos, fits);
    if (count == 0) throw_none(uri, infos);
    if (count > 1)
      throw Error(Errc::kConflict,
                  "'" + uri.str() + "' matches several tokens of " + described(infos) +
                      "; name one by token= or serial=, or all that hold the key by poolkey-token "
                      "in openssl.cnf");
    const hsm::TokenInfo& one = *std::ranges::find_if(infos, fits);
    out.push_back(token({one.label, one.serial}));
  }
  for (const hsm::TokenName& name : named) {
    const auto info = std::ranges::find_if(
        infos, [&](const hsm::TokenInfo& i) { return i.initialized() && is_named(name, i); });
    if (info == infos.end() ? may_match(uri, name) : fits(*info)) out.push_back(token(name));
  }
  if (out.empty()) throw_none(uri, infos);
  return out;
}

std::shared_ptr<const Key> Tokens::recall(const std::string& text) {
  const std::lock_guard hold(mutex_);
  const auto found = remembered_.find(text);
  if (found == remembered_.end() || found->second.until < Clock::now()) return nullptr;
  return found->second.key;
}

void Tokens::remember(const std::string& text, std::shared_ptr<const Key> key) {
  if (ours_) return;  // our own programs hold what they use
  const auto now = Clock::now();
  std::vector<std::shared_ptr<const Key>> old;  // the last one of a key calls the module
  const std::lock_guard hold(mutex_);
  for (auto& [name, entry] : remembered_)
    if (entry.until < now) old.push_back(std::move(entry.key));
  std::erase_if(remembered_, [](const auto& entry) { return entry.second.key == nullptr; });
  if (remembered_.size() >= kMaxRemembered) return;
  Remembered& entry = remembered_[text];
  old.push_back(std::exchange(entry.key, std::move(key)));
  entry.until = now + kBelieved;
}

}  // namespace poolkey::provider
