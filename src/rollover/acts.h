// What a rollover does: one function for each act. May touch: rollover and below. Called by:
// advance.
#pragma once

#include "keys/context.h"
#include "pool/mailbox.h"
#include "rollover/judge.h"
#include "rollover/repository.h"

namespace poolkey::rollover {

/// Does the verdict's act and notes it in `roll`, which is stored. An act that changes what members
/// are told is an operation of the journal, "rollover ACT" on the roll's id.
void perform(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll,
             const Verdict& verdict);

/// Ends what an earlier run was killed in: what was decided is told to the members.
void finish_interrupted(keys::Context& context, const pool::Mailbox& mailbox,
                        const StoredRoll& roll);

/// Takes an effective date back.
void disarm(keys::Context& context, const pool::Mailbox& mailbox, StoredRoll& roll);

}  // namespace poolkey::rollover
