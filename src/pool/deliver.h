// Delivery: a member opens its envelope into its token, checks everything, and only then counts it.
// May touch: keys and below. Called by: app, for `member receive`.
#pragma once

#include <string>
#include <vector>

#include "pool/member_side.h"

namespace poolkey::pool {

struct Delivery {
  std::string file;
  std::string key;              ///< "av@1"; empty if the envelope could not be read
  std::string outcome;          ///< "accepted", "already there" or "refused"
  std::string reason;           ///< of a refusal
  Errc code = Errc::kInternal;  ///< of a refusal
};

/// Takes the newest statement and every envelope from the mailbox. An envelope that is refused
/// stays where it is and stops no other; one that was accepted is removed, for members keep no
/// envelopes. Then writes the statement, as the origin signed it, to the state folder.
/// Throws kCorrupt for a bad statement, kConflict for one that is older than the one held.
std::vector<Delivery> receive(MemberSide& side);

/// The policy of a version that this member accepted, as it came with the envelope. Throws
/// kNotFound if it never did.
policy::Policy accepted_policy(MemberSide& side, const KeyVersion& key);

/// The newest statement that this member accepted. Throws kNotFound.
Statement held_statement(MemberSide& side);

}  // namespace poolkey::pool
