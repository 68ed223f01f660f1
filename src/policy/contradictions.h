// Faults that no single key of a policy file shows: values that cannot be true together.
// May touch: base. Called by: the policy reader only.
#pragma once

#include "base/toml.h"
#include "policy/policy.h"

namespace poolkey::policy {

/// Files a fault for every contradiction between values that could be read. A value that could not
/// be read has no location and is left out, so one mistake is not reported twice.
void find_contradictions(const Sections& sections, toml::Faults& faults);

}  // namespace poolkey::policy
