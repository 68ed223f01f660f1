// What a foreign program's openssl.cnf says about us; read and checked once, when we are loaded.
// May touch: base. Called by: provider (init), tokens.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "provider/core.h"

namespace poolkey::provider {

/// Our section of openssl.cnf. Everything is copied: neither the section nor the environment is
/// there for ever (nginx clears the environment of its workers).
struct Settings {
  std::filesystem::path module;        ///< poolkey-module
  std::string module_arguments{};        ///< poolkey-module-arguments
  std::filesystem::path softhsm_conf;  ///< poolkey-softhsm2-conf, else $SOFTHSM2_CONF; or empty
  std::string token;                   ///< poolkey-token, a label; empty: the URI says
  std::string serial;                  ///< poolkey-serial; empty: any
  std::filesystem::path pin_file;      ///< poolkey-pin-source; empty: the program is asked
  bool pkcs1_decryption = false;       ///< poolkey-pkcs1-decryption
};

/// Reads them without touching the module or the token. Throws kInvalidArgument, naming the
/// setting.
Settings read_settings(const Core& core);

}  // namespace poolkey::provider
