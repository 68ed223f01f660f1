// The software side of key transport: opens what tokens wrapped.
// May touch: OpenSSL. Called by: pool, for members without a token; tests. Never where an HSM holds the key.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {

/// RSA-OAEP with one hash for both label and MGF1, empty label (RFC 8017 7.1).
/// Throws kCorrupt: OpenSSL does not say, and must not say, what was wrong.
SecretBytes oaep_decrypt(EVP_PKEY* key, std::string_view hash, ByteView ciphertext);

/// AES key wrap with padding (RFC 5649) under a 128, 192 or 256-bit key.
/// Throws kInvalidArgument for another key size, kCorrupt if the blob's integrity check fails.
SecretBytes kwp_unwrap(ByteView kek, ByteView blob);

/// A private key from PKCS#8 DER that may be followed by up to 7 zero octets: SoftHSM 2.6.1 pads
/// before it wraps, and the wrapped length counts the padding. Throws kCorrupt.
EvpPkey parse_pkcs8_padded(ByteView der);

}  // namespace poolkey::crypto
