// A key of a token, named in a file for programs that can read nothing else (provider/README.md).
// May touch: hsm, crypto. Called by: pool (installation), the CLI.
#pragma once

#include <string>

#include "crypto/public_key.h"
#include "hsm/token.h"

namespace poolkey::keys {

/// The PEM of a reference to the private key with this CKA_ID. It names one token and one key
/// version and holds no secret; no other key is ever loaded by it.
std::string key_reference(const hsm::TokenName& token, const crypto::PublicKey& key, ByteView id);

}  // namespace poolkey::keys
