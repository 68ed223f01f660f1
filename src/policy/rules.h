// The rules of every action, as one table.
// May touch: base. Called by: the engine only.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/facts.h"
#include "policy/policy.h"

namespace poolkey::policy {

struct Rule {
  Action action;
  std::string_view key;                     ///< of the policy: "export.mode"
  const Location& (*where)(const Policy&);  ///< where the file gives it
  /// Why the facts are not allowed; empty if they are.
  std::optional<std::string> (*refuse)(const Policy&, const Facts&);
};

/// All rules; those of one action stand in the order in which they are asked.
std::span<const Rule> rules();

}  // namespace poolkey::policy
