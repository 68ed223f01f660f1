// One key agreement: C_DeriveKey, and the value of what it makes.
// May touch: base. Called by: provider, tests.
#pragma once

#include "base/secret.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// The shared secret of `size` octets: derived as a session object that may be read, read, and
/// destroyed. Throws kUnavailable for another length. Where it throws, the session must not be used
/// again (Lease).
SecretBytes derive(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism,
                   std::size_t size);

}  // namespace poolkey::hsm
