// What the rules on keys want to know of a public key: found once, then remembered.
// May touch: crypto. Called by: lint.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "crypto/public_key.h"

namespace poolkey::requests {

struct KeyFacts {
  enum class Kind { kRsa, kRsaPss, kEc, kOther };
  Kind kind = Kind::kOther;
  std::string algorithm;  ///< "RSA-2048"
  int bits = 0;

  // RSA only.
  Bytes exponent;
  bool exponent_below_modulus = true;
  std::optional<unsigned> small_factor;
  bool roca = false;
  std::optional<int> close_primes;  ///< the round of Fermat's method
  bool prime_power = false;
  Bytes debian_fingerprint;

  bool valid_point = true;  ///< EC only
};

/// The facts of the last few thousand keys are kept by SPKI SHA-256. May be called by several
/// threads.
std::shared_ptr<const KeyFacts> key_facts(const crypto::PublicKey& key);

}  // namespace poolkey::requests
