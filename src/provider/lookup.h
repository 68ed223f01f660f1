// From a URI to what it names in the token: private keys, public keys and certificates.
// May touch: hsm. Called by: store, private_key.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "provider/key.h"
#include "provider/object_uri.h"
#include "provider/tokens.h"

namespace poolkey::provider {

/// What a URI named: a key, or the DER of a certificate.
struct Found {
  std::shared_ptr<const Key> key;
  Bytes certificate;
};

/// What the program that opened the URI wants; kAnything lists all.
enum class Expected { kAnything, kPrivateKey, kPublicKey, kCertificate };

/// Everything that fits, at least one; logs in only where that is needed. A URI that names one
/// private key (by object, id or type, or because one is expected) never gives two.
/// Throws kNotFound, or kConflict for several different keys.
std::vector<Found> look_up(Tokens& tokens, const hsm::Uri& uri, Expected expected,
                           const PinSource& prompt);

/// The public part of a private key: its own numbers (RSA), else those of the public key object
/// with its CKA_ID, or with its label where it has no id.
std::optional<PublicPart> public_part_of_private(hsm::Session& session, CK_OBJECT_HANDLE object);

}  // namespace poolkey::provider
