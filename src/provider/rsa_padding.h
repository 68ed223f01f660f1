// RSA's paddings in software, around what a token does with raw RSA; and what is given for bad
// PKCS#1 v1.5 padding, in equal time. May touch: OpenSSL. Called by: signature_context,
// decryption_context.
#pragma once

#include <optional>
#include <span>

#include "base/secret.h"
#include "provider/scheme.h"

namespace poolkey::provider {

/// EMSA-PSS-ENCODE (RFC 8017 9.1.1) with fresh salt: as long as a modulus of `bits`.
Bytes pss_block(OSSL_LIB_CTX* libctx, const Digest& digest, const Digest& mgf1, std::size_t salt,
                ByteView hash, int bits);

/// EME-OAEP decoding (RFC 8017 7.1.2) of a block as long as the modulus, by OpenSSL's code that
/// takes the same time for every fault; nothing: one of them.
std::optional<SecretBytes> oaep_message(ByteView block, const Digest& digest, const Digest& mgf1,
                                        ByteView label);

/// Where the message stands in a block. `good` is all ones or zero; nothing may branch on it.
struct Unpadded {
  std::size_t good, offset, size;
};
/// EME-PKCS1-v1_5 (RFC 8017 7.2.2) of a block as long as the modulus, in constant time.
Unpadded unpad_pkcs1(ByteView block);
/// All ones for true.
std::size_t mask_of(bool truth);

/// The message that is given where the padding is bad: pseudo-random, of a pseudo-random length,
/// the same for the same ciphertext and secret (draft-irtf-cfrg-rsa-guidance 7.2, as OpenSSL 3.2).
struct Rejection {
  SecretBytes octets;  ///< as long as the modulus; the message stands at their end
  std::size_t size;
};
/// `ciphertext` is as long as the modulus.
Rejection rejection(OSSL_LIB_CTX* libctx, ByteView secret, ByteView ciphertext);

/// `size` octets that depend on key and label (HMAC-SHA-256 in counter mode).
SecretBytes pseudo_random(OSSL_LIB_CTX* libctx, ByteView key, std::string_view label,
                          std::size_t size);

/// Writes the message of `octets`, or that of the rejection, and returns its size; which of them it
/// is shows in nothing but that. `out` and `octets` have room for the whole rejection.
std::size_t select_message(ByteView octets, const Unpadded& found, const Rejection& instead,
                           std::span<std::uint8_t> out);

/// The 48 octets of a TLS premaster secret.
inline constexpr std::size_t kPremaster = 48;
/// Writes the message if it has 48 octets and begins with one of two TLS versions (0: none), else
/// `instead` (RFC 5246 7.4.7.1); in constant time.
void select_premaster(ByteView octets, Unpadded found, unsigned version, unsigned other_version,
                      ByteView instead, std::span<std::uint8_t, kPremaster> out);

}  // namespace poolkey::provider
