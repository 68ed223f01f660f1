// The birth of a key version: in the token, under its policy's template, checked, recorded.
// May touch: keys and below. Called by: app, for `key generate` and `origin init`.
#pragma once

#include <optional>

#include "keys/context.h"
#include "keys/repository.h"

namespace poolkey::keys {

/// Generates a version of `name` under `policy`: the next one, or the one that an interrupted run
/// had begun. Key and record are on disk when it returns, and a pool key's record is signed. Run
/// again after a crash it adopts the pair that was made, or removes what is left of it and makes
/// another. Throws kDenied (policy), kAlreadyExists (a stranger's key has the label), kConflict
/// (attributes differ; the key was destroyed).
StoredKey generate(Context& context, const KeyName& name, const std::optional<PoolName>& pool,
                   const policy::Policy& policy);

}  // namespace poolkey::keys
