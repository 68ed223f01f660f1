// The words of the access policy, and the table of who has which action.
#include "policy/access.h"

namespace poolkey::policy {
namespace {

constexpr std::uint8_t bit(AccessRole role) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
}
constexpr std::uint8_t kSo = bit(AccessRole::kSecurityOfficer);
constexpr std::uint8_t kOp = bit(AccessRole::kOperator);
constexpr std::uint8_t kRq = bit(AccessRole::kRequester);
constexpr std::uint8_t kAu = bit(AccessRole::kAuditor);
constexpr std::uint8_t kMe = bit(AccessRole::kMember);
constexpr std::uint8_t kNobody = 0;
constexpr std::uint8_t kPeople = kSo | kOp | kAu;

using Act = AccessAction;
using Reach = AccessReach;

constexpr AccessRow kRows[] = {
    {Act::kPublicRead, Reach::kAnywhere, kNobody, false,
     "health, the OpenAPI document, CA certificates and revocation lists: everybody"},
    {Act::kPoolRead, Reach::kPool, kPeople, false, "pools and their state"},
    {Act::kPoolProve, Reach::kPool, kSo | kOp, false, "have a pool's members prove their keys"},
    {Act::kMemberRead, Reach::kPool, kPeople | kMe, false, "members; a member sees itself"},
    {Act::kMemberEvict, Reach::kPool, kSo, false, "end a member's trust"},
    {Act::kEnrolmentRead, Reach::kPool, kPeople, true, "who asks to join, and what became of it"},
    {Act::kEnrolmentSubmit, Reach::kPool, kNobody, true, "ask to join, with a one-time code"},
    {Act::kEnrolmentInvite, Reach::kPool, kSo, false, "make a one-time code"},
    {Act::kEnrolmentAdmit, Reach::kPool, kSo, false,
     "admit a member whose fingerprint was compared"},
    {Act::kDocumentRead, Reach::kOwn, kMe, false, "envelopes and other documents for the caller"},
    {Act::kDocumentTake, Reach::kOwn, kMe, false, "say that a document was taken"},
    {Act::kReceiptSubmit, Reach::kOwn, kMe, false, "hand in receipts"},
    {Act::kChallengeAsk, Reach::kOwn, kMe, false, "ask for a fresh challenge"},
    {Act::kReportSubmit, Reach::kOwn, kMe, false, "report clock and drift"},
    {Act::kIdentityEnrol, Reach::kAnywhere, kNobody, true,
     "a first client certificate, with a one-time code"},
    {Act::kIdentityRenew, Reach::kOwn, kPeople | kRq | kMe, false,
     "the caller's own client certificate anew"},
    {Act::kAttestationRead, Reach::kPool, kPeople, false, "proofs that a pool holds its key"},
    {Act::kKeyRead, Reach::kPool, kPeople | kRq, false, "keys, versions and their public halves"},
    {Act::kKeyCompromise, Reach::kPool, kSo, false, "say that a key is known to others"},
    {Act::kRequestCreate, Reach::kPoolAndProfile, kOp | kRq, false,
     "a PKCS#10 signed with a pool's key"},
    {Act::kRequestRead, Reach::kPool, kPeople | kRq, false, "requests and their results"},
    {Act::kRequestComplete, Reach::kPool, kOp, false, "bring back a CA's answer, accept, give up"},
    {Act::kCertificateRead, Reach::kPool, kPeople | kRq, false, "certificates"},
    {Act::kCertificateSign, Reach::kProfile, kRq, false,
     "have the internal CA certify the caller's own PKCS#10"},
    {Act::kCertificateRevoke, Reach::kProfile, kSo | kOp, false, "revoke a certificate of it"},
    {Act::kPolicyRead, Reach::kAnywhere, kPeople | kRq, false, "policies, as written"},
    {Act::kRolloverRead, Reach::kPool, kPeople, false, "rollovers"},
    {Act::kRolloverAct, Reach::kPool, kSo | kOp, false, "begin, advance, take back a rollover"},
    {Act::kAuditRead, Reach::kService, kSo | kAu, false, "the audit log, which is of all pools"},
    {Act::kMetricsRead, Reach::kAnywhere, kPeople, false, "metrics"},
    {Act::kCommandRun, Reach::kService, kSo | kOp, false,
     "verbs of the command line, on this host"},
};

constexpr Word<AccessRole> kRoles[] = {{AccessRole::kSecurityOfficer, "security-officer"},
                                       {AccessRole::kOperator, "operator"},
                                       {AccessRole::kRequester, "requester"},
                                       {AccessRole::kAuditor, "auditor"},
                                       {AccessRole::kMember, "member"}};

constexpr Word<AccessAction> kActions[] = {
    {Act::kPublicRead, "public.read"},
    {Act::kPoolRead, "pool.read"},
    {Act::kPoolProve, "pool.prove"},
    {Act::kMemberRead, "member.read"},
    {Act::kMemberEvict, "member.evict"},
    {Act::kEnrolmentRead, "enrolment.read"},
    {Act::kEnrolmentSubmit, "enrolment.submit"},
    {Act::kEnrolmentInvite, "enrolment.invite"},
    {Act::kEnrolmentAdmit, "enrolment.admit"},
    {Act::kDocumentRead, "document.read"},
    {Act::kDocumentTake, "document.take"},
    {Act::kReceiptSubmit, "receipt.submit"},
    {Act::kChallengeAsk, "challenge.ask"},
    {Act::kReportSubmit, "report.submit"},
    {Act::kIdentityEnrol, "identity.enrol"},
    {Act::kIdentityRenew, "identity.renew"},
    {Act::kAttestationRead, "attestation.read"},
    {Act::kKeyRead, "key.read"},
    {Act::kKeyCompromise, "key.compromise"},
    {Act::kRequestCreate, "request.create"},
    {Act::kRequestRead, "request.read"},
    {Act::kRequestComplete, "request.complete"},
    {Act::kCertificateRead, "certificate.read"},
    {Act::kCertificateSign, "certificate.sign"},
    {Act::kCertificateRevoke, "certificate.revoke"},
    {Act::kPolicyRead, "policy.read"},
    {Act::kRolloverRead, "rollover.read"},
    {Act::kRolloverAct, "rollover.act"},
    {Act::kAuditRead, "audit.read"},
    {Act::kMetricsRead, "metrics.read"},
    {Act::kCommandRun, "command.run"},
};
static_assert(std::size(kRows) == std::size(kActions));

constexpr Word<PrincipalKind> kKinds[] = {{PrincipalKind::kAnonymous, "anonymous"},
                                          {PrincipalKind::kCode, "code"},
                                          {PrincipalKind::kClient, "client"},
                                          {PrincipalKind::kAccount, "account"},
                                          {PrincipalKind::kMember, "member"}};

constexpr Word<AccessReach> kReaches[] = {{Reach::kAnywhere, "anywhere"},
                                          {Reach::kService, "all pools"},
                                          {Reach::kPool, "pool"},
                                          {Reach::kProfile, "profile"},
                                          {Reach::kPoolAndProfile, "pool and profile"},
                                          {Reach::kOwn, "its own"}};

}  // namespace

template <>
std::span<const Word<AccessRole>> words() {
  return kRoles;
}
template <>
std::span<const Word<AccessAction>> words() {
  return kActions;
}
template <>
std::span<const Word<PrincipalKind>> words() {
  return kKinds;
}
template <>
std::span<const Word<AccessReach>> words() {
  return kReaches;
}

std::span<const AccessRow> access_rows() { return kRows; }

bool has_action(AccessRole role, AccessAction action) {
  return (kRows[static_cast<std::size_t>(action)].roles & bit(role)) != 0;
}

}  // namespace poolkey::policy
