// The release ceremony: a key version leaves the origin, wrapped for the trusted tokens of a pool's
// members and for nobody else. May touch: keys and below. Called by: app, for `key release`.
#pragma once

#include <functional>
#include <vector>

#include "keys/origin.h"
#include "pool/mailbox.h"
#include "pool/repository.h"

namespace poolkey::pool {

/// What a release will do; pure, and printed by --dry-run.
struct ReleasePlan {
  PoolName pool;
  std::vector<keys::StoredKey> keys;  ///< by name and version
  std::vector<Member> members;
  std::vector<Member> standbys;  ///< that the policy of one of the keys names
  policy::Suite suite;
  /// Drift: keys that the origin's token trusts and that are no enrolled member's (SPKI, hex).
  std::vector<std::string> stray_trusted;
};

/// With `standbys_only` the pool's members get nothing.
/// Throws kNotFound, kDenied (a member is not enrolled, policy) or kUnsupported (no common suite).
ReleasePlan plan_release(keys::Context& context, const PoolName& pool,
                         const std::vector<KeyVersion>& versions, bool standbys_only = false);

/// Runs the ceremony and gives the release's number. The token is open and nobody is logged in;
/// `log_in` logs in as the role asked for. Per key: one private-key wrap however many members; per
/// member one RSA operation and one signature. The wrapping key is a session object that ends with
/// the session. Run again after a crash: what was stored is posted, what was not is wrapped anew
/// under the same number. Ends logged in as user.
std::int64_t release(keys::Context& context, const Mailbox& mailbox, const ReleasePlan& plan,
                     const std::function<void(hsm::Role)>& log_in);

}  // namespace poolkey::pool
