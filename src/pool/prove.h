// Proof of possession: the origin asks, a member answers with what its token really holds, the
// origin checks and remembers. May touch: keys and below. Called by: app.
#pragma once

#include <span>
#include <variant>
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
  std::vector<Receipt> receipts{};  ///< that were news
  std::string refused{};            ///< why the file does not count; empty if it does
};

/// The origin's side: checks the receipts in the mailbox against the newest challenges, by both
/// signatures, and stores them. The answer to an earlier challenge is left alone and proves
/// nothing; a file that answers no challenge of this member's is refused.
std::vector<Collected> collect_receipts(keys::Context& context, const Mailbox& mailbox,
                                        const PoolName& pool);

/// A member's file of receipts, however it came.
struct Answer {
  PoolName pool;
  Member member;
  std::string octets;
  std::string actor, rule;  ///< for the audit log: who brought it, and by which right
};
/// The same for answers that came at the same time: those that are right are stored in one
/// transaction, with their entries in the audit log. An answer that was taken before is no news and
/// no error. For each what came of it; an Error (kCorrupt; kNotFound for a key that there is not)
/// says why it does not count.
std::vector<std::variant<Collected, Error>> take_answers(keys::Context& context,
                                                         std::span<const Answer> answers);

}  // namespace poolkey::pool
