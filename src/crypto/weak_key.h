// What can be seen of an RSA modulus or an EC point that makes its key worthless.
// May touch: OpenSSL (in the .cc). Called by: requests.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "crypto/public_key.h"

namespace poolkey::crypto {

/// The least prime below 752 that divides `modulus` (BR 6.1.6).
std::optional<unsigned> small_factor(ByteView modulus);

/// CVE-2017-15361: `modulus` is a power of 65537 modulo the product of the primes up to 167, as the
/// published detector asks. One other key in 2^154 looks so (Nemec and others, "The Return of
/// Coppersmith's Attack", 2017).
bool has_roca_fingerprint(ByteView modulus);

/// The round of Fermat's method, 1 to `rounds`, in which it factors `modulus` (BR 6.1.1.3 asks for
/// 100): the two primes are too close.
std::optional<int> close_primes(ByteView modulus, int rounds = 100);

/// `modulus` is a prime, or a power of one. Takes about as long as an RSA signature without CRT.
bool is_prime_power(ByteView modulus);

/// OpenSSL's full check: the point is on its curve, has its order, and is not infinity.
bool is_valid_point(const PublicKey& key);

/// How Debian's openssl-blacklist names a modulus: the last 10 octets of the SHA-1 of what
/// "openssl rsa -modulus" prints.
Bytes debian_fingerprint(ByteView modulus);

}  // namespace poolkey::crypto
