// One signature: C_SignInit and C_Sign under one session.
// May touch: base. Called by: provider (every signature of ours goes through it), tests.
#pragma once

#include "base/bytes.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// Signs `data` with the mechanism; the result is as the module gives it (r||s for CKM_ECDSA).
/// `max_size` is an upper bound of the signature in octets.
Bytes sign(Session& session, CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data,
           std::size_t max_size);

}  // namespace poolkey::hsm
