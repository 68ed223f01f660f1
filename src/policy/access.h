// The access policy: which role may do what over the service, and who has which role where.
// May touch: base. Called by: service (every call is decided here), cli (access check, explain).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/toml.h"
#include "policy/words.h"

namespace poolkey::policy {

using toml::Located;
using toml::Location;

/// What a binding of policies/access.toml gives.
enum class AccessRole { kSecurityOfficer, kOperator, kRequester, kAuditor, kMember };

/// What a call of the service does. The rows of the table are in access_words.cc.
enum class AccessAction {
  kPublicRead,
  kPoolRead,
  kPoolProve,
  kMemberRead,
  kMemberEvict,
  kEnrolmentRead,
  kEnrolmentSubmit,
  kEnrolmentInvite,
  kEnrolmentAdmit,
  kDocumentRead,
  kDocumentTake,
  kReceiptSubmit,
  kChallengeAsk,
  kReportSubmit,
  kIdentityEnrol,
  kIdentityRenew,
  kAttestationRead,
  kKeyRead,
  kKeyCompromise,
  kRequestCreate,
  kRequestRead,
  kRequestComplete,
  kCertificateRead,
  kCertificateSign,
  kCertificateRevoke,
  kPolicyRead,
  kRolloverRead,
  kRolloverAct,
  kAuditRead,
  kMetricsRead,
  kCommandRun,
};

/// How the service knows who calls.
enum class PrincipalKind {
  kAnonymous,
  kCode,     ///< bears a one-time code, which the handler redeems for what it was made for
  kClient,   ///< certificate of register profile `client`; the name is its CN
  kAccount,  ///< account of this host, on the unix socket
  kMember,   ///< certificate of register profile `member`; the name is POOL/MEMBER
};

/// What of the scope a binding must cover.
enum class AccessReach {
  kAnywhere,        ///< nothing: having the role is enough
  kService,         ///< everything: the binding has pools = ["*"]
  kPool,            ///< the pool
  kProfile,         ///< the certificate profile
  kPoolAndProfile,  ///< both
  kOwn,             ///< the caller's own member
};

/// One row of the table: what an action is, and which roles have it.
struct AccessRow {
  AccessAction action;
  AccessReach reach;
  std::uint8_t roles;  ///< bits; see has_action()
  bool by_code;        ///< a one-time code is enough
  std::string_view meaning;
};

/// One row for each action, in the order of the enum.
std::span<const AccessRow> access_rows();
/// True if the role has the action at all.
bool has_action(AccessRole role, AccessAction action);

template <>
std::span<const Word<AccessRole>> words();
template <>
std::span<const Word<AccessAction>> words();
template <>
std::span<const Word<PrincipalKind>> words();
template <>
std::span<const Word<AccessReach>> words();

struct Principal {
  PrincipalKind kind = PrincipalKind::kAnonymous;
  std::string name;  ///< empty for kAnonymous and kCode

  /// "client:alice", "member:edge/edge1", "anonymous": as the audit log, limits and cases name it.
  std::string str() const;
};
/// Reads what str() writes. Throws kInvalidArgument.
Principal parse_principal(std::string_view text);

/// What a call is about. What is missing counts as "all there is", which only "*" covers.
struct AccessScope {
  std::optional<std::string> pool{};
  std::optional<std::string> profile{};
  std::optional<std::string> member{};
  /// The call lists things of many pools or profiles, and the handler asks again for each of them:
  /// a binding that covers any is enough.
  bool listing = false;
};

/// How much a principal may ask.
struct AccessLimits {
  std::uint32_t requests_per_second = 10;
  std::uint32_t burst = 50;
  std::uint32_t signatures_per_day = 1000;  ///< certificates and requests signed for it
};

/// One [[bind]] of the file.
struct AccessBinding {
  Location where;
  AccessRole role;
  std::vector<std::string> clients;   ///< names, or "*" alone: every client certificate
  std::vector<std::string> accounts;  ///< names
  std::vector<std::string> members;   ///< "POOL/MEMBER", "POOL/*", or "*" alone
  std::vector<std::string> pools;     ///< names, or "*" alone
  std::vector<std::string> profiles;  ///< names, or "*" alone
  AccessLimits limits;

  bool names(const Principal& principal) const;
};

/// An access policy without faults.
class Access {
 public:
  const std::vector<AccessBinding>& bindings() const { return bindings_; }
  const std::string& text() const { return text_; }
  const std::string& file() const { return file_; }

 private:
  friend Access parse_access(std::string_view text, const std::string& file);
  Access(std::vector<AccessBinding> bindings, std::string text, std::string file)
      : bindings_(std::move(bindings)), text_(std::move(text)), file_(std::move(file)) {}

  std::vector<AccessBinding> bindings_;
  std::string text_;
  std::string file_;
};

/// Reads an access policy of version 1. `file` only names it in locations. Throws one
/// kInvalidArgument that lists every fault as "file:line:column: sentence".
Access parse_access(std::string_view text, const std::string& file);

/// Yes or no, and by what.
struct AccessDecision {
  bool allowed;
  std::string rule;  ///< "policies/access.toml:12", the file alone, or what is built in
  /// The key of a binding that decides, as the cases name it: `role`, `pools`, `profiles`, and the
  /// built-in `public`, `code`, `own`, `principal` (no binding names the caller).
  std::string key;
  std::string sentence;  ///< of a denial, for the caller; it tells nothing about other bindings
};

/// May `principal` do this? Where no binding says yes it is no. Whatever the file says, a member
/// acts only for itself, a one-time code only enrols, and only members touch members' documents.
AccessDecision decide(const Access& access, const Principal& principal, AccessAction action,
                      const AccessScope& scope);

/// The most that the bindings which name the principal give; the defaults where none does.
AccessLimits limits_of(const Access& access, const Principal& principal);

}  // namespace poolkey::policy
