// How rollovers and exposed versions are told. May touch: rollover. Called by: command_rollover,
// command_pool (status).
#pragma once

#include "cli/command.h"
#include "rollover/advance.h"

namespace poolkey::cli {

/// What was done (or would be), where the rollover stands, what it waits for, and until when.
/// Adds to "rollovers" of the result.
void say_progress(Call& call, const rollover::Progress& progress, bool dry_run);
void say_history(Call& call, const rollover::StoredRoll& roll);
/// Every version that somebody knows who should not, with its clock. True if there is one.
bool say_exposures(Call& call, store::Database& database, Time now);

}  // namespace poolkey::cli
