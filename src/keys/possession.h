// Whether a private key object is the one that belongs to a public key: it signs, we verify.
// May touch: hsm, crypto. Called by: keys and pool, before a key object counts.
#pragma once

#include "crypto/public_key.h"
#include "hsm/object.h"

namespace poolkey::keys {

/// A signature by the object over `message` with SHA-256, in X.509's encoding. Throws kUnsupported
/// for keys other than RSA and EC, and as C_Sign says.
Bytes sign_with_object(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key,
                       ByteView message);

/// True if the object signs a random message and the signature verifies with `key` in software.
bool possesses(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key);

}  // namespace poolkey::keys
