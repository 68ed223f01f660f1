// What anybody may see of a module's tokens: slots, certificates, public keys. By way of libp11.
// May touch: libp11 (its one home), crypto. Called by: cli's `token list`; never where keys sign.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hsm/module.h"

namespace poolkey::hsm {

/// A token and its public objects, without a login.
struct InventoryToken {
  std::string label, serial, manufacturer, model;
  std::vector<std::string> certificates;  ///< "label: subject"
  std::vector<std::string> public_keys;   ///< "label: algorithm SPKI-SHA-256"
};

/// A look around by libp11 on a module that is loaded already. libp11 finalises the module when
/// its context goes, whoever initialised it, so the context lives until the module ends (see
/// Module::at_end) and the look is for short-lived verbs. Not for the provider.
class Inventory {
 public:
  /// Throws kUnavailable with what libp11 says.
  explicit Inventory(Module& module);

  /// All initialised tokens. Throws kUnavailable.
  std::vector<InventoryToken> tokens();

 private:
  struct Context;
  Module& module_;
  std::shared_ptr<Context> context_;
};

}  // namespace poolkey::hsm
