#include "policy/engine.h"

#include <fmt/format.h>

#include "policy/rules.h"

namespace poolkey::policy {

Decision Engine::decide(const Policy& policy, const Facts& facts) {
  const Rule* basis = nullptr;
  for (const Rule& rule : rules()) {
    if (rule.action != facts.action) continue;
    if (basis == nullptr) basis = &rule;
    if (auto sentence = rule.refuse(policy, facts))
      return Denial{std::string(rule.key), rule.where(policy), std::move(*sentence)};
  }
  if (basis == nullptr)
    return Denial{"version",
                  {policy.file(), 1, 1},
                  fmt::format("no rule allows the action '{}'", word(facts.action))};
  return Permit({.action = facts.action,
                 .key_version = facts.key.str(),
                 .pool = facts.pool ? facts.pool->str() : "",
                 .member = facts.member ? facts.member->str() : "",
                 .usage = facts.action == Action::kSign ? facts.usage : std::nullopt,
                 .rule = std::string(basis->key),
                 .where = basis->where(policy)});
}

}  // namespace poolkey::policy
