// Whether a private key object is the one that belongs to a public key: it signs, we verify.
// May touch: hsm, crypto. Called by: keys and pool, before a key object counts.
#pragma once

#include "crypto/public_key.h"
#include "hsm/key_pair.h"
#include "hsm/object.h"

namespace poolkey::keys {

/// A signature by the object over `message` with SHA-256, in X.509's encoding, that verifies with
/// `key`. Throws kConflict where another key signed, kUnsupported for keys other than RSA and EC,
/// and as C_Sign says.
Bytes sign_with_object(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key,
                       ByteView message);

/// The private key with this public key, which then has signed for it. An EC key whose public
/// object is missing is known by its CKA_ID and that signature. Nothing if the token does not hold
/// it.
std::optional<hsm::KeyObject> find_possessed(hsm::Session& session, const crypto::PublicKey& key,
                                             ByteView id);

/// The whole pair that an interrupted run left under the CKA_ID of `spec`, with the attributes
/// asked for; or nothing, and then what it left is destroyed.
std::optional<crypto::PublicKey> adopt_pair(hsm::Token& token, const hsm::KeyPairSpec& spec);

/// A pair that is in the token, whole.
struct ObtainedPair {
  crypto::PublicKey key;
  bool adopted;  ///< an interrupted run had made it
};

/// Adopts the pair of an interrupted run, or generates one. An EC private key does not tell which
/// public key is its own, so it signs before the pair counts. Throws as generate_key_pair, and
/// kConflict where it signs for another key; then nothing is left.
ObtainedPair obtain_pair(hsm::Token& token, const hsm::KeyPairSpec& spec);

/// True if the object signs a random message and the signature verifies with `key` in software.
bool possesses(hsm::Session& session, CK_OBJECT_HANDLE object, const crypto::PublicKey& key);

}  // namespace poolkey::keys
