// Looks for a key reference in a PEM file, line by line.
// May touch: OpenSSL. Called by: decoder.
#pragma once

#include <optional>

#include "crypto/key_reference.h"
#include "crypto/openssl.h"

namespace poolkey::provider {

/// Reads one PEM block, as OpenSSL's own reader does, and stands behind it afterwards; the
/// reference if that is what it holds, else nothing. A block that is none of ours is not decoded,
/// and costs no memory. Throws kCorrupt for a reference that is damaged or too large.
std::optional<crypto::KeyReference> read_reference(BIO* in);

}  // namespace poolkey::provider
