// The decision: may this be done under this policy? Pure; everything it knows is in its arguments.
// May touch: base. Called by: keys, pool, requests, the provider and the CLI, before they act.
#pragma once

#include "policy/facts.h"
#include "policy/permit.h"
#include "policy/policy.h"

namespace poolkey::policy {

class Engine {
 public:
  /// Goes through the rules of the action in order (rules.cc). The first that does not hold denies;
  /// if all hold the permit names the first, which is what the act rests on. An action without
  /// rules, and a fact that was not stated, deny.
  static Decision decide(const Policy& policy, const Facts& facts);
};

}  // namespace poolkey::policy
