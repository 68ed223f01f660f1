// A Merkle tree's root (RFC 9162 section 2.1.1): many things under one digest.
// May touch: digest. Called by: requests.
#pragma once

#include <span>

#include "base/bytes.h"

namespace poolkey::crypto {

/// 32 octets over the leaves in their order, SHA-256 with the tree's prefixes 0x00 and 0x01; of no
/// leaves, the digest of nothing.
Bytes merkle_root(std::span<const Bytes> leaves);

}  // namespace poolkey::crypto
