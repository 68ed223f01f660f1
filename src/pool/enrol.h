// Enrolment: a member asks, people compare fingerprints both ways, the origin trusts the member's
// transport key and the member pins the origin's root.
// May touch: keys and below. Called by: app, for `member enrol|confirm` and `enrolment show|admit`.
#pragma once

#include "keys/origin.h"
#include "pool/member_side.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// What a confirmation is called in the mailbox.
inline constexpr std::string_view kConfirmationFile = "confirmation.cms";

/// The member's side: makes its keys where they are missing, writes the signed request to the
/// mailbox and gives its fingerprint (SHA-256 of the file, 32 octets).
Bytes request_enrolment(MemberSide& side);

/// The octets of that request, which lie in the mailbox as well. Throws kNotFound before it.
std::string requested_enrolment(MemberSide& side);

/// The member's side: reads the confirmation, checks that its root is the one whose SHA-256 the
/// operator was told, that it answers this member's own request, and pins the root.
/// Throws kDenied for another root or a confirmation of another request.
crypto::Certificate confirm_enrolment(MemberSide& side, ByteView root_sha256);

/// The origin's side: a request as it lies in the mailbox, its signature and key checked.
struct PendingEnrolment {
  EnrolmentRequest request;
  Bytes fingerprint;
};
/// Throws kNotFound, kCorrupt (signature), kInvalidArgument (transport key).
PendingEnrolment pending_enrolment(const Mailbox& mailbox, const PoolName& pool,
                                   const MemberName& member);

/// The same for octets that came in another way; `where` names them in sentences.
PendingEnrolment checked_enrolment(const std::string& document, const std::string& where,
                                   const PoolName& pool, const MemberName& member);
/// Puts a request that was checked into the mailbox, from where it is admitted.
void post_enrolment(const Mailbox& mailbox, const PoolName& pool, const MemberName& member,
                    const std::string& document);

/// The origin's side, as security officer: imports the transport key as trusted.
/// Throws kDenied if `fingerprint` is not that of the request, kAlreadyExists if the member is
/// enrolled with other keys.
void trust_member(keys::Context& context, const PendingEnrolment& pending, ByteView fingerprint);

/// The origin's side, as user: records the member and writes the confirmation to the mailbox.
void confirm_member(keys::Context& context, const Mailbox& mailbox,
                    const PendingEnrolment& pending);

}  // namespace poolkey::pool
