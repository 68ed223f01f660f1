// Rules on what the caller knows beside the request: the key's policy and the CA's profile.
#include <array>

#include "requests/lint/rule.h"

namespace poolkey::requests {
namespace {

using enum Level;

Offences not_exportable(const LintInput& in) {
  const bool is_external = in.subject.pool && in.subject.pool->role == Role::kEdgeExternal;
  return offence_if(is_external && in.subject.key_exportable == false);
}

Offences without_cdp(const LintInput& in) {
  return offence_if(in.subject.profile_has_cdp == false);
}

constexpr std::array kRules{
    Rule{"key.not-exportable", kOff, kError, kError,
         "the key's policy keeps it in one token, and every member of the pool needs it",
         "choose a policy with export.mode = \"wrapped\"", "requirements topic", not_exportable,
         Applies::kRequest},
    Rule{"profile.no-cdp", kOff, kWarn, kWarn,
         "the CA's profile gives certificates without a CRL distribution point",
         "ask for a profile that has one", "certificate infrastructure topic", without_cdp,
         Applies::kRequest},
};

}  // namespace

std::span<const Rule> stated_rules() { return kRules; }

}  // namespace poolkey::requests
