// Reads NAME.cases.toml files and judges them: facts, and the decision that must come of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine.h"

namespace poolkey::policy::test {

struct Case {
  std::string name;
  Location where;
  Facts facts;
  bool permit;
  std::string rule;
};

/// Strict like the policies: throws kInvalidArgument with every fault.
std::vector<Case> read_cases(std::string_view text, const std::string& file);

/// What came instead of what the case expects; empty if it came as expected.
std::optional<std::string> mismatch(const Policy& policy, const Case& expected);

}  // namespace poolkey::policy::test
