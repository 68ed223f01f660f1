// A policy as PKCS#11 attributes: what the templates say, and which line of the policy says so.
// May touch: base. Called by: keys and pool (templates), provider, the CLI (explain), tests.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/attribute.h"
#include "policy/policy.h"

namespace poolkey::policy {

/// The objects a policy shapes. A replica is a member's copy of an origin key; that of a standby
/// origin may be handed on.
enum class Side {
  kOriginPrivate,
  kOriginPublic,
  kReplicaPrivate,
  kReplicaPublic,
  kStandbyPrivate,
  kStandbyPublic,
};

/// "origin private", "replica public".
std::string_view name(Side side) noexcept;

/// The attributes of one side, in template order. Every usage flag is explicit, because SoftHSM
/// 2.6.1 takes a silent one as TRUE; CKA_MODIFIABLE is last, because its C_UnwrapKey refuses what
/// follows (SoftHSMv2 #707). Class, key type, sizes, CKA_TOKEN, CKA_ID and CKA_LABEL are not ours.
AttributeSet origin_private(const Policy& policy);
AttributeSet origin_public(const Policy& policy);
/// Throw kInternal if the mode is `none`: such a key has no replica, and no permit to make one.
AttributeSet replica_private(const Policy& policy);
AttributeSet replica_public(const Policy& policy);

/// What a standby origin's token holds.
AttributeSet standby_private(const Policy& policy);
AttributeSet standby_public(const Policy& policy);

/// CKA_ALLOWED_MECHANISMS by algorithm and usages: what limits a key even where a usage flag was
/// switched on.
std::vector<std::string> allowed_mechanisms(Algorithm algorithm, const std::vector<Usage>& usages);

/// One attribute of one side and what gives it its value.
struct ExplainedAttribute {
  Side side;
  NamedAttribute attribute;
  std::string key;                ///< "export.mode", or "always" where no policy can change it
  std::optional<Location> where;  ///< the deciding place in the file; empty for "always"
  std::string reason;
};

/// Every attribute of every side the policy has (no replica sides if the mode is `none`, no standby
/// sides where it names none).
std::vector<ExplainedAttribute> explain(const Policy& policy);

}  // namespace poolkey::policy
