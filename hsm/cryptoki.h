// The only include of the PKCS#11 header, and the few definitions that it lacks.
// May touch: p11-kit's pkcs11.h. Called by: everything in hsm/, and the provider through it.
#pragma once

#include <p11-kit/pkcs11.h>

namespace poolkey::hsm {

/// CKM_AES_KEY_WRAP_KWP of PKCS#11 v3.0: RFC 5649. v2.40 calls it CKM_AES_KEY_WRAP_PAD (0x210A).
inline constexpr CK_MECHANISM_TYPE kAesKeyWrapKwp = 0x210BUL;

/// NSS's attribute for the public value of a private key; its C_UnwrapKey wants it for EC keys.
inline constexpr CK_ATTRIBUTE_TYPE kNssDb = 0xD5A0DB00UL;

}  // namespace poolkey::hsm
