// The head of the audit log where the database cannot take it back: in the token, and in a witness
// file. May touch: keys and below. Called by: checkpoint_origin, pool's checkpoint, app, cli.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keys/context.h"

namespace poolkey::keys {

/// One line of a witness file, and what stands in the token: a checkpoint, and the end of the log
/// once the checkpoint stood in it.
struct OutsideHead {
  audit::Checkpoint checkpoint;
  audit::Head log;
};

/// Signs the head of the audit log, and leaves it outside: in the token as a data object (where
/// the token holds such), and as a line of the context's witness file (where there is one). Throws
/// kUnavailable if the witness cannot be written: what the verb did stands, and the next
/// checkpoint brings the witness up to date.
void checkpoint(Context& context, const audit::Signer& sign, const std::string& signer_spki_sha256);

/// The heads in the token; several only after a crash. No login is needed.
std::vector<OutsideHead> heads_in_token(hsm::Token& token);

/// The lines of a witness file. Throws kCorrupt naming a line that is none.
std::vector<OutsideHead> heads_in_witness(const std::filesystem::path& file);

/// Throws kCorrupt where the token knows a head that the log does not have: an older copy of the
/// database was restored, or its end was cut off. Called before anything is done with the token.
void require_no_older_log(Context& context);

/// Goes on from a database that is older than the token's word of it, where the newer one is lost
/// for good: records which heads the token knew and why they are given up, gives up the operations
/// that were unfinished then, raises the numbers that must not be handed out twice, and removes the
/// heads from the token. Gives the numbers from which it goes on. Throws kConflict where the log
/// has every head: there is nothing to give up.
json::object resume_from_older_log(Context& context, const std::string& reason);

}  // namespace poolkey::keys
