// Proof of an allowed decision, and what stands in its place when the answer is no.
// May touch: base. Called by: every verb that touches a private key takes a Permit by value.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/toml.h"
#include "policy/words.h"

namespace poolkey::policy {

/// What a permit is for.
struct Grant {
  Action action;
  std::string key_version;  ///< "av-2027@1"
  std::string pool;         ///< empty if the act concerns no pool
  std::string member;       ///< empty if the act concerns no single member
  std::optional<Usage> usage;
  std::string rule;  ///< the key of the policy that allows it: "export.mode"
  toml::Location where;
};

/// Only Engine makes one, and it can be moved but not copied: code that forgot to ask the policy
/// does not compile. A permit that was moved from is spent; using it throws kInternal.
class Permit {
 public:
  /// Throws kInternal (a defect of the caller) unless the permit is for exactly this act on this
  /// version and member; a signature has more to it, see require_signature().
  void require(Action action, std::string_view key_version, std::string_view member = "") const;
  /// As above, for Action::kSign: a permit to sign a CSR is none to sign a certificate.
  void require_signature(Usage usage, std::string_view key_version,
                         std::string_view member = "") const;

  /// What was granted. Throws kInternal if the permit is spent.
  const Grant& grant() const;
  /// "policies/av-auth.toml:31:1 export.mode", as the audit records it.
  std::string rule() const;

 private:
  friend class Engine;
  explicit Permit(Grant grant) : grant_(std::make_unique<const Grant>(std::move(grant))) {}

  std::unique_ptr<const Grant> grant_;
};

/// No, and why.
struct Denial {
  std::string rule;  ///< the key of the policy that forbids it: "export.mode"
  toml::Location where;
  std::string sentence;  ///< what is not allowed, and what to do
};

using Decision = std::variant<Permit, Denial>;

/// "policies/av-auth.toml:31:1 export.mode forbids this: ..."
std::string explain(const Denial& denial);

/// The permit of a decision. Throws kDenied with explain() if it is a denial.
Permit permit_or_throw(Decision decision);

}  // namespace poolkey::policy
