#include "policy/access.h"

#include "fuzz/target.h"

namespace poolkey::fuzz {
namespace {

using policy::AccessAction;
using policy::AccessRole;

bool may(const policy::Access& access, const char* who, AccessAction action,
         const policy::AccessScope& scope) {
  const auto decision = decide(access, policy::parse_principal(who), action, scope);
  require(!decision.rule.empty() && !decision.key.empty(), "a decision names its rule");
  require(decision.allowed == decision.sentence.empty(), "a denial says why");
  return decision.allowed;
}

}  // namespace

/// Whatever a file says: a member acts for itself, nobody else touches its documents, and without
/// a certificate nothing is had.
void access(ByteView octets) {
  accepted([&] {
    const policy::Access access = policy::parse_access(text_of(octets), "fuzz.toml");
    const policy::AccessScope own{.pool = "edge", .member = "edge1"};
    const policy::AccessScope other{.pool = "edge", .member = "edge2"};
    for (const policy::AccessRow& row : policy::access_rows()) {
      const bool open = row.action == AccessAction::kPublicRead;
      require(may(access, "anonymous", row.action, own) == open, "nobody has nothing");
      require(may(access, "member:edge/edge1", row.action, other) == open, "no member is another");
      require(may(access, "code", row.action, own) == (open || row.by_code), "a code enrols");
      if (!has_action(AccessRole::kMember, row.action)) {
        require(may(access, "member:edge/edge1", row.action, own) == open, "members are no people");
      } else if (row.reach == policy::AccessReach::kOwn &&
                 row.action != AccessAction::kIdentityRenew) {
        for (const char* who : {"client:a", "account:root"})
          require(!may(access, who, row.action, own), "people are no members");
      }
    }
  });
}

}  // namespace poolkey::fuzz
