// The tokens that keys may come from: the one of our own program, or those of the configured
// module. May touch: hsm. Called by: lookup; made by init.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "provider/fork_mutex.h"
#include "provider/key.h"
#include "provider/object_uri.h"
#include "provider/settings.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// May be used by several threads.
class Tokens {
 public:
  /// Exactly this token, which is logged in.
  explicit Tokens(std::shared_ptr<hsm::Token> token);
  /// What the settings name. The module is loaded when it is needed first.
  explicit Tokens(Settings settings) : settings_(std::move(settings)) {}
  /// What our section of openssl.cnf names. The module is loaded when it is needed first. A fault
  /// in the section is told by every matching(): OpenSSL would leave out a provider that does not
  /// start without a word.
  explicit Tokens(const Core& core);

  /// What is configured, with what poolkey.toml of the home adds. Throws as matching() for a fault.
  const Settings& settings();
  UriRules uri_rules();

  /// Says what rules private keys are under; to be called before the first is loaded.
  void govern(RulesOf rules_of) { rules_of_ = std::move(rules_of); }
  std::shared_ptr<const Rules> rules_of(const PublicPart& part) const {
    return rules_of_ ? rules_of_(part) : nullptr;
  }

  /// The tokens that the URI and the configuration mean, at least one; no login. Several only where
  /// the configuration names them: PINs are not tried on tokens that were not meant. One that it
  /// names may be away for now. Throws kNotFound, kConflict or what loading the module says.
  std::vector<std::shared_ptr<SigningToken>> matching(const hsm::Uri& uri);

  /// When something that begins now is given up.
  Clock::time_point deadline() const { return Clock::now() + settings_.patience; }
  Clock::duration patience() const { return settings_.patience; }

  /// The key that this text named a moment ago, while that is recent enough to be believed; else
  /// null.
  std::shared_ptr<const Key> recall(const std::string& text);
  void remember(const std::string& text, std::shared_ptr<const Key> key);

  /// Whether the configuration allows PKCS#1 v1.5 decryption.
  bool pkcs1_decryption() const { return settings_.pkcs1_decryption; }

 private:
  struct Remembered {
    std::shared_ptr<const Key> key;
    Clock::time_point until;
  };

  std::vector<hsm::TokenInfo> present(const hsm::Uri& uri);
  /// For modules that see new tokens only when they are initialised.
  bool look_anew();
  std::shared_ptr<Host> host();
  std::shared_ptr<SigningToken> token(const hsm::TokenName& name);
  [[noreturn]] void throw_none(const hsm::Uri& uri, const std::vector<hsm::TokenInfo>& infos) const;

  Settings settings_;
  /// Of settings_, which do not change afterwards: a process that gave up its rights may not be
  /// able to read the home any more.
  std::once_flag completed_;
  RulesOf rules_of_;
  std::optional<Error> fault_;
  std::shared_ptr<hsm::Token> ours_;
  ForkMutex mutex_;  ///< of what follows; never held during a call
  std::shared_ptr<Host> host_;
  std::vector<std::shared_ptr<SigningToken>> tokens_;
  std::map<std::string, Remembered, std::less<>> remembered_;
};

}  // namespace poolkey::provider
