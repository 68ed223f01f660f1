// Debian's libp11 engine (libengine-pkcs11-openssl), the peer that rows show beside poolkey.so.
// May touch: OpenSSL. Called by: program.
#pragma once

#include <memory>
#include <string>

#include "crypto/openssl.h"

namespace poolkey::bench {

/// Keys come in the default library context: engines know no other.
class Libp11Engine {
 public:
  /// Throws kNotFound where it is not installed.
  Libp11Engine(const std::string& module, const std::string& pin);
  Libp11Engine(const Libp11Engine&) = delete;
  Libp11Engine& operator=(const Libp11Engine&) = delete;
  ~Libp11Engine();

  crypto::EvpPkey load(const std::string& uri) const;

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace poolkey::bench
