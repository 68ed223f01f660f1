#include "hsm/random.h"

#include <algorithm>

#include "hsm/rv.h"

namespace poolkey::hsm {

Bytes random_bytes(Token& token, std::size_t count) {
  const Lease lease = token.lease();
  Bytes out(count);
  check(lease->fn().C_GenerateRandom(lease->handle(), out.data(), static_cast<CK_ULONG>(count)),
        "draw random octets");
  const bool same = std::ranges::all_of(out, [&](std::uint8_t b) { return b == out.front(); });
  if (count > 4 && same)
    throw Error(Errc::kUnavailable,
                token.name().str() + " gave the same octet " + std::to_string(count) +
                    " times as random ones; its generator has failed, so do not use it");
  return out;
}

}  // namespace poolkey::hsm
