// The reload hook: has a member's programs take the certificates that stand on disk now.
// May touch: keys and below. Called by: app, for `member install`.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "pool/member_side.h"

namespace poolkey::pool {

enum class Reload { kNone, kNotNeeded, kDone, kFailed };

struct Reloaded {
  Reload what = Reload::kNone;
  std::string sentence{};  ///< of a failure: what, why, and what follows
};

/// Runs the hook (run_program()) unless it has succeeded since the certificates on disk changed: so
/// a hook that failed, or was killed, is run again by the next install. `words` empty: no hook.
Reloaded reload_programs(MemberSide& side, const std::vector<std::string>& words,
                         std::chrono::seconds limit);

/// Whether it would run.
bool needs_reload(MemberSide& side);

}  // namespace poolkey::pool
