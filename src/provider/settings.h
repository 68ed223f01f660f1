// What a foreign program's openssl.cnf says about us; read and checked once, when we are loaded.
// May touch: base. Called by: provider (init), tokens.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/ids.h"
#include "provider/core.h"

namespace poolkey::provider {

/// Our section of openssl.cnf. Everything is copied: neither the section nor the environment is
/// there for ever (nginx clears the environment of its workers).
struct Settings {
  std::filesystem::path module;            ///< poolkey-module
  std::string module_arguments{};          ///< poolkey-module-arguments
  std::filesystem::path softhsm_conf;      ///< poolkey-softhsm2-conf, else $SOFTHSM2_CONF; or empty
  std::string token;                       ///< poolkey-token, a label; empty: the URI says
  std::string serial;                      ///< poolkey-serial; empty: any
  std::filesystem::path pin_file;          ///< poolkey-pin-source; empty: the program is asked
  std::filesystem::path home{};            ///< poolkey-home; empty: none
  std::optional<PoolName> pool{};          ///< of the member whose home it is
  bool allow_uri_pin = false;              ///< poolkey-allow-uri-pin
  std::filesystem::path inherited_conf{};  ///< $SOFTHSM2_CONF when the program started
  std::filesystem::path credentials{};     ///< $CREDENTIALS_DIRECTORY when the program started
};

/// Reads them without touching a file, the module or the token. Throws kInvalidArgument, naming the
/// setting.
Settings read_settings(const Core& core);

/// What poolkey.toml of the home says where openssl.cnf is silent. May be called again. Throws what
/// reading it throws, or kUnsupported for a PIN from a descriptor, which a foreign program has not.
Settings completed(Settings settings);

}  // namespace poolkey::provider
