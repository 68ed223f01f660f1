// What a foreign program's openssl.cnf says about us; read and checked once, when we are loaded.
// May touch: hsm. Called by: provider (init), tokens.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "hsm/token.h"
#include "provider/core.h"
#include "provider/host.h"

namespace poolkey::provider {

/// Our section of openssl.cnf. Everything is copied: neither the section nor the environment is
/// there for ever (nginx clears the environment of its workers).
struct Settings {
  ModuleSettings module{};               ///< poolkey-module, -module-arguments, -environment
  std::filesystem::path softhsm_conf{};  ///< poolkey-softhsm2-conf; empty: as in the environment
  /// poolkey-token and poolkey-serial: the tokens that may be used; empty: the URI says which one.
  std::vector<hsm::TokenName> tokens{};
  std::filesystem::path pin_file{};     ///< poolkey-pin-source; empty: the program is asked
  std::filesystem::path home{};         ///< poolkey-home; empty: none
  std::optional<PoolName> pool{};       ///< of the member whose home it is
  std::optional<MemberName> member{};   ///< that member
  bool allow_uri_pin = false;           ///< poolkey-allow-uri-pin
  bool pkcs1_decryption = false;        ///< poolkey-pkcs1-decryption
  std::filesystem::path credentials{};  ///< $CREDENTIALS_DIRECTORY when the program started
  std::size_t max_sessions = hsm::kSessionLimit;  ///< poolkey-sessions, of each token
  /// poolkey-retry-seconds: for how long something is tried again while the token does not work.
  std::chrono::seconds patience{2};
};

/// Reads them without touching a file, the module or the token. Throws kInvalidArgument, naming the
/// setting.
Settings read_settings(const Core& core);

/// With what poolkey.toml of the home says where openssl.cnf is silent. Throws what reading it
/// throws, or kUnsupported for a PIN from a descriptor, which a foreign program has not.
Settings completed(Settings settings);

}  // namespace poolkey::provider
