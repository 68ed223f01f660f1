// One signature: C_SignInit and C_Sign under one session.
// May touch: base. Called by: provider (every signature of ours goes through it), tests.
#pragma once

#include "base/bytes.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// Signs `data` with the mechanism; the result is as the module gives it (r||s for CKM_ECDSA).
/// `size` is that of the signature in octets, which the key determines; throws kUnavailable where
/// the module gives another. Where it throws, the session may be left in the middle of a
/// signature: it must not be used again (Lease).
Bytes sign(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
           std::size_t size);

}  // namespace poolkey::hsm
