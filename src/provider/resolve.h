// From a URI to the one private key that it names.
// May touch: OpenSSL, hsm. Called by: decoder.
#pragma once

#include "crypto/key_reference.h"
#include "provider/key.h"
#include "provider/provider.h"

namespace poolkey::provider {

/// The private key of a reference. Throws what look_up() throws, and kConflict where the key is not
/// the one whose fingerprint the reference has.
std::shared_ptr<const Key> resolve(const Provider& provider, const crypto::KeyReference& reference,
                                   const PinSource& prompt);

/// SHA-256 of a key's SubjectPublicKeyInfo, computed in `libctx`.
Bytes fingerprint(const PublicPart& part, OSSL_LIB_CTX* libctx);

}  // namespace poolkey::provider
