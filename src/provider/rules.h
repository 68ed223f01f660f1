// What the policy of a pool key lets its replica do, in whatever program loads it.
// May touch: home, hsm, policy. Called by: member_state (makes them), private_key (asks them).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "home/statement.h"
#include "hsm/cryptoki.h"
#include "provider/public_part.h"

namespace poolkey::provider {

enum class Act { kSign, kDecrypt, kDerive };

/// Immutable. A key that no statement names has none, and its token alone governs it.
class Rules {
 public:
  /// Throws kUnsupported for a usage that this poolkey does not know.
  Rules(const home::Statement::Version& version, KeyKind kind);

  /// Throws kDenied, naming the key's version, its policy and the rule, unless the policy has a
  /// usage for the act and its mechanisms are allowed. PKCS#1 v1.5 decryption never is: whoever can
  /// ask for it again and again decrypts without the key (Bleichenbacher).
  void require(CK_MECHANISM_TYPE mechanism, Act act) const;

  bool operator==(const Rules&) const = default;

 private:
  std::string key_, policy_;
  std::vector<std::string> usages_;
  std::vector<CK_MECHANISM_TYPE> allowed_;
};

/// The rules of the private key with this public part; null: none.
using RulesOf = std::function<std::shared_ptr<const Rules>(const PublicPart&)>;

}  // namespace poolkey::provider
