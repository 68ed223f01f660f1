// What stands behind an EVP_PKEY of ours: an immutable public part, and perhaps a way to sign.
// May touch: OpenSSL, hsm. Called by: keymgmt, store, signature.
#pragma once

#include <memory>

#include "provider/private_key.h"
#include "provider/public_part.h"

namespace poolkey::provider {

struct Provider;

struct Key {
  PublicPart part;
  std::shared_ptr<PrivateKey> signer;  ///< null: a public key

  bool is_private() const { return signer != nullptr; }
};

/// OpenSSL's keydata, and the reference that the store passes to keymgmt.load. Contexts that use
/// the key share it, so it may go before them. Empty between keymgmt.new and keymgmt.import.
struct KeyHandle {
  const Provider* provider;
  std::shared_ptr<const Key> key;
};

}  // namespace poolkey::provider
