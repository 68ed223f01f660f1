#include "keys/reference.h"

#include "crypto/key_reference.h"
#include "hsm/uri.h"

namespace poolkey::keys {

std::string key_reference(const hsm::TokenName& token, const crypto::PublicKey& key, ByteView id) {
  return crypto::reference_pem({hsm::private_key_uri(token, id), key.spki_sha256()});
}

}  // namespace poolkey::keys
