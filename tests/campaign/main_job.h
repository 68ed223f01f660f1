// The main job under one fault: what was promised of it, checked at its end.
// Called by: the campaign.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "campaign/fault.h"
#include "e2e/deployment.h"

namespace poolkey::test {

/// An undisturbed job: what it makes, and how it stood before each of its verbs. A job under a
/// fault begins with a copy of where the fault falls, because up to there it would be the same.
struct CleanJob {
  struct Stand {
    std::uint64_t calls;  ///< made so far
    Deployment deployment;
  };
  std::vector<Stand> stands;                  ///< before each verb
  std::uint64_t calls = 0;                    ///< into the module, over all processes
  std::map<std::string, std::string> tokens;  ///< by side: what lies in its token
};

/// How a job under a fault went.
struct Verdict {
  std::string fault;                   ///< the call that it was done to; empty: to none
  std::optional<std::string> refused;  ///< the verb that failed, and its sentence
  std::string failure;                 ///< what was promised and not kept; empty: nothing
};

CleanJob run_clean();
Verdict run_with_fault(const Draw& draw, const CleanJob& clean);

}  // namespace poolkey::test
