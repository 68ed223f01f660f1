// Carries a rollover on: judges it, does the one next thing, and again, until it has to wait.
// May touch: rollover and below. Called by: cli.
#pragma once

#include <string>
#include <vector>

#include "keys/context.h"
#include "pool/mailbox.h"
#include "rollover/judge.h"
#include "rollover/repository.h"

namespace poolkey::rollover {

struct Progress {
  StoredRoll roll;
  Facts facts;
  Verdict verdict;                  ///< where it stands now
  std::vector<std::string> done{};  ///< what was done, or would be
};

/// Where it stands, and what would be done; changes nothing.
Progress look(keys::Context& context, const StoredRoll& roll);

/// The token is open and logged in as user. Members' receipts are to be collected before. Killed
/// anywhere, it goes on when it is run again.
Progress advance(keys::Context& context, const pool::Mailbox& mailbox, const std::string& id);

/// Ends a rollover before the new version has taken over: a date that was set is taken back, the
/// new version stays what it is, for the next roll. Throws kConflict where it is too late.
void abort(keys::Context& context, const pool::Mailbox& mailbox, const std::string& id,
           const std::string& reason);

}  // namespace poolkey::rollover
