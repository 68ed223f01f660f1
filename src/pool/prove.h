// Proof of possession: the origin asks, a member answers with what its token really holds, the
// origin checks and remembers. May touch: keys and below. Called by: app.
#pragma once

#include <vector>

#include "keys/origin.h"
#include "pool/member_side.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// The origin's side: a fresh challenge to every enrolled member about all released key versions.
/// With `only`, to these alone. Gives the members asked.
std::vector<MemberName> issue_challenges(keys::Context& context, const Mailbox& mailbox,
                                         const PoolName& pool,
                                         const std::vector<MemberName>& only = {});

/// The member's side: answers the challenge in the mailbox, one receipt for each key version. A
/// replica that is there signs; one that is not is reported absent by the identity key alone.
/// Throws kNotFound if there is no challenge.
std::vector<Receipt> answer_challenge(MemberSide& side);

/// The member's side: what its token holds of the versions that its statement names, with what
/// differs from their policies, and which private keys besides. One line, to be compared with
/// another look: nothing signs, so it costs little and proves nothing. Empty before the first
/// statement.
std::string look(MemberSide& side);

/// What came of one member's file of receipts.
struct Collected {
  MemberName member;
  std::size_t receipts = 0;
  std::size_t absent = 0;  ///< of these, receipts that say so
  std::string refused{};   ///< why the file does not count; empty if it does
};

/// The origin's side: checks the receipts in the mailbox against the newest challenges, by both
/// signatures, and stores them. The answer to an earlier challenge is left alone and proves
/// nothing; a file that answers no challenge of this member's is refused.
std::vector<Collected> collect_receipts(keys::Context& context, const Mailbox& mailbox,
                                        const PoolName& pool);

/// The same for the octets of one member's file, however they came. Throws kCorrupt, or kNotFound
/// for a key that there is not.
Collected take_answer(keys::Context& context, const PoolName& pool, const Member& member,
                      const std::string& answer);

}  // namespace poolkey::pool
