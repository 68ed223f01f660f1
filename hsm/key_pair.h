// Key pairs born in a token under a template, checked before they count.
// May touch: base, crypto. Called by: keys, pool (transport and identity keys).
#pragma once

#include <string>

#include "base/attribute.h"
#include "crypto/public_key.h"
#include "hsm/object.h"
#include "hsm/token.h"

namespace poolkey::hsm {

/// What to generate. `algorithm` is "RSA-2048", "EC-P-256" and the like.
struct KeyPairSpec {
  std::string algorithm;
  AttributeSet private_attributes;
  AttributeSet public_attributes;
  /// More for the private key that no policy names, such as CKA_UNWRAP_TEMPLATE.
  Template private_extra;
  std::string label;
  Bytes id;
};

/// Whether the pair can be made as session objects and copied to the token, which is faster and
/// free of SoftHSM's create/find race: C_CopyObject refuses an object that is not copyable.
bool can_be_copied(const AttributeSet& private_attributes);

/// Generates the pair and puts it into the token: as session objects that are checked and then
/// copied where can_be_copied() says so, else in the token directly. Attributes are read back;
/// where one differs everything made is destroyed and kConflict names it. The pair is on disk when
/// this returns. Call with the token's writing lock held by nobody: it takes it.
crypto::PublicKey generate_key_pair(Token& token, const KeyPairSpec& spec);

/// Puts a public key object beside a private key that came without one.
CK_OBJECT_HANDLE create_public_object(Session& session, const crypto::PublicKey& key,
                                      const AttributeSet& attributes, const std::string& label,
                                      ByteView id);

/// Destroys every object with this CKA_ID and returns how many. For what an interrupted or refused
/// creation left.
std::size_t destroy_by_id(Token& token, ByteView id);

}  // namespace poolkey::hsm
