// The RSA keys of Debian's broken OpenSSL (CVE-2008-0166, DSA-1571), made again.
// May touch: OpenSSL (in the .cc). Called by: requests (its list of weak keys), tests.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace poolkey::crypto {

/// Between September 2006 and May 2008 nothing but the process number reached the random generator
/// of Debian's OpenSSL (0.9.8c-1 to 0.9.8g-8). What its memory looked like did the rest.
enum class DebianMachine { kLittle64, kLittle32, kBig32 };
/// ~/.rnd was read; was there but empty or unreadable (0.9.8c: also absent); was absent.
enum class DebianSeed { kRnd, kNoReadRnd, kNoRnd };

struct DebianRun {
  DebianMachine machine = DebianMachine::kLittle64;
  DebianSeed seed = DebianSeed::kRnd;
  std::uint32_t process = 0;  ///< 0 to 32767
};

/// Big-endian. The modulus is the product; p is the larger prime.
struct DebianKey {
  Bytes modulus;
  Bytes p;
  Bytes q;
};

/// What "openssl genrsa BITS" gave in that run; the exponent does not change the modulus. About 30
/// ms for 2048 bits. Throws kInvalidArgument for a size that is not 512 to 8192.
DebianKey debian_key(unsigned bits, const DebianRun& run);

}  // namespace poolkey::crypto
