// Digests and random octets.
// May touch: OpenSSL (in the .cc). Called by: every layer above.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"

namespace poolkey::crypto {

/// 32 octets (FIPS 180-4).
Bytes sha256(ByteView message);

/// The digest of a message by OpenSSL's name of the algorithm ("SHA256", "SHA-384").
/// Throws kUnsupported for a name that OpenSSL does not know.
Bytes digest(std::string_view name, ByteView message);

/// `count` octets from OpenSSL's random generator: nonces, challenges, serial numbers.
Bytes random_bytes(std::size_t count);

}  // namespace poolkey::crypto
