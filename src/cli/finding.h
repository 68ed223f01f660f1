// What the linter found, for people.
// May touch: requests. Called by: the commands that lint.
#pragma once

#include "cli/output.h"
#include "requests/lint/lint.h"

namespace poolkey::cli {

void say_finding(Output& out, requests::Profile profile, const requests::Finding& f);

}  // namespace poolkey::cli
