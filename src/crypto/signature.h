// Signatures: made with any EVP_PKEY, and the encodings between PKCS#11 and X.509.
// May touch: OpenSSL (in the .cc). Called by: keys, pool, requests, provider.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/bytes.h"
#include "crypto/public_key.h"

struct evp_pkey_st;
struct ossl_lib_ctx_st;

namespace poolkey::crypto {

/// Signs a message: RSA PKCS#1 v1.5, ECDSA (DER), or Ed25519 with an empty digest name. `key` may
/// be of any provider in `libctx` (null: the default context). Throws kUnsupported if the key
/// cannot do it, else kInternal with what the provider said.
Bytes sign(evp_pkey_st* key, std::string_view digest, ByteView message,
           ossl_lib_ctx_st* libctx = nullptr);

/// As PublicKey::verify.
inline bool verify(const PublicKey& key, std::string_view digest, ByteView message,
                   ByteView signature) {
  return key.verify(digest, message, signature);
}

/// r||s of PKCS#11 (two halves of one size) to the DER of RFC 3279 2.2.3, integers minimal.
/// Throws kCorrupt for an odd or empty length, or a zero half.
Bytes ecdsa_der(ByteView raw);
/// The way back, each half filled up to `half` octets (32, 48, 66). Throws kCorrupt for anything
/// but strict DER, and for integers that are zero, negative or too long.
Bytes ecdsa_raw(ByteView der, std::size_t half);

/// DigestInfo (RFC 8017 9.2 note 1) around a finished digest: the input of CKM_RSA_PKCS.
/// Throws kUnsupported for a digest other than SHA-1 and SHA-2, kInvalidArgument for a wrong size.
Bytes digest_info(std::string_view digest, ByteView hash);

}  // namespace poolkey::crypto
