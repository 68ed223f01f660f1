// A key version as something OpenSSL signs with, handed out only against a permit.
// May touch: keys and below. Called by: keys, pool, requests, for everything the origin signs.
#pragma once

#include <string>

#include "keys/context.h"
#include "keys/repository.h"

namespace poolkey::keys {

/// The EVP_PKEY of a key version in this side's token, through our provider. The permit must be for
/// this usage of this version. Throws kConflict if the token has another key under its CKA_ID.
crypto::EvpPkey signing_key(Context& context, policy::Permit permit, policy::Usage usage,
                            const StoredKey& key);

/// Permit and key in one: asks the policy that the version was made under.
crypto::EvpPkey signing_key(Context& context, policy::Usage usage, const StoredKey& key);

}  // namespace poolkey::keys
