// The tokens that keys may come from: the one of our own program, or those of the configured
// module. May touch: hsm. Called by: lookup; made by init.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "provider/object_uri.h"
#include "provider/rules.h"
#include "provider/settings.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// May be used by several threads.
class Tokens {
 public:
  /// Exactly this token, which is logged in.
  explicit Tokens(std::shared_ptr<hsm::Token> token);
  /// What the configuration names. The module is loaded with the first find().
  explicit Tokens(Settings settings) : settings_(std::move(settings)) {}
  /// What our section of openssl.cnf names. A fault in it is told by every find(): OpenSSL would
  /// leave out a provider that does not start without a word.
  explicit Tokens(const Core& core);

  /// What is configured, with what poolkey.toml of the home adds. Throws as find() for a fault.
  Settings settings();
  UriRules uri_rules();

  /// Says what rules private keys are under; to be called before the first is loaded.
  void govern(RulesOf rules_of) { rules_of_ = std::move(rules_of); }
  std::shared_ptr<const Rules> rules_of(const PublicPart& part) const {
    return rules_of_ ? rules_of_(part) : nullptr;
  }

  /// The one token that the URI and the configuration mean; no login. Throws kNotFound, kConflict
  /// (several; PINs are not tried on tokens that were not meant) or what loading the module says.
  std::shared_ptr<SigningToken> find(const hsm::Uri& uri);

  /// Logs in to a token with the configured PIN, or with what `prompt` returns if there is none.
  void login(SigningToken& token, const PinSource& prompt) const;

 private:
  void complete_settings();
  void load_module();
  std::vector<hsm::TokenInfo> matching(const hsm::Uri& uri) const;

  Settings settings_;
  bool complete_ = false;
  RulesOf rules_of_;
  std::optional<Error> fault_;
  std::mutex mutex_;
  std::shared_ptr<hsm::Module> module_;
  std::vector<std::shared_ptr<SigningToken>> open_;
};

}  // namespace poolkey::provider
