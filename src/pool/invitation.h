// One-time codes by which members and clients come in for the first time.
// May touch: store, keys. Called by: the origin's verbs, the service (enrolment, EST).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/secret.h"
#include "keys/context.h"

namespace poolkey::pool {

enum class InvitationKind { kMember, kClient };
/// "member", "client"
std::string_view name(InvitationKind kind);

/// Who is invited: a member of a pool, or a person or an application, which have none.
struct Invitee {
  InvitationKind kind;
  std::string pool;  ///< empty for a client
  std::string name;
  /// "edge/edge1", "alice"
  std::string str() const { return pool.empty() ? name : pool + "/" + name; }
};

enum class InvitationState { kOpen, kUsed, kExpired, kWithdrawn };
/// "open", "used", "expired", "withdrawn"
std::string_view name(InvitationState state);

struct Invitation {
  Invitee invitee;
  Time created{}, expires{};
  std::string bound_to;  ///< SHA-256 in hexadecimal of what it was used for; empty: not used yet
  std::optional<Time> used{};
  std::optional<Time> withdrawn{};
  InvitationState state(Time now) const;
};

/// The longest that a code may be valid.
inline constexpr Days kLongestInvitation{30};

/// A new code, which is kept nowhere: 125 random bits as "ABCDE-FGHIJ-KLMNO-PQRST-UVWXY". It takes
/// the place of earlier ones that were not used. Throws kNotFound for a member that the pool's
/// topology does not name, kInvalidArgument for a client's name that is none (base/ids.h), or a
/// validity below a minute or over kLongestInvitation.
SecretBytes invite(keys::Context& context, const Invitee& invitee, Duration valid);

/// Takes a code for the act whose content has the SHA-256 `bound_to` (hexadecimal). The first use
/// binds the code to it, with the audit; the same again is fine until the code ends. Throws kDenied
/// in one sentence for a code that is unknown, another's, withdrawn or expired; kConflict for one
/// that was used for something else. Case, dashes and blanks of the code do not matter.
void redeem(keys::Context& context, const Invitee& invitee, std::string_view code,
            const std::string& bound_to);

/// The invitation that a code belongs to, without using it. Throws kDenied as redeem().
Invitation invitation_of(store::Database& database, const Invitee& invitee, std::string_view code,
                         Time now);

/// Ends the codes of the invitee that are open or used; how many there were.
std::int64_t withdraw(keys::Context& context, const Invitee& invitee);

/// All of one kind, oldest first.
std::vector<Invitation> invitations(store::Database& database, InvitationKind kind);

}  // namespace poolkey::pool
