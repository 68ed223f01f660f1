#include "crypto/merkle.h"

#include <bit>

#include "crypto/digest.h"

namespace poolkey::crypto {
namespace {

Bytes prefixed(std::uint8_t prefix, ByteView a, ByteView b = {}) {
  Bytes out{prefix};
  out.insert(out.end(), a.begin(), a.end());
  out.insert(out.end(), b.begin(), b.end());
  return sha256(out);
}

}  // namespace

Bytes merkle_root(std::span<const Bytes> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return prefixed(0x00, leaves.front());
  // The left part is the largest power of two that leaves something on the right.
  const std::size_t left = std::bit_ceil(leaves.size()) / 2;
  return prefixed(0x01, merkle_root(leaves.first(left)), merkle_root(leaves.subspan(left)));
}

}  // namespace poolkey::crypto
