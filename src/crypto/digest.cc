#include "crypto/digest.h"

#include <openssl/rand.h>

#include "crypto/openssl.h"

namespace poolkey::crypto {

Bytes sha256(ByteView message) { return digest("SHA256", message); }

Bytes digest(std::string_view name, ByteView message) {
  const EvpMd md = fetch_digest(name);
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  if (EVP_Digest(message.data(), message.size(), out.data(), &size, md.get(), nullptr) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not compute " + std::string(name));
  out.resize(size);
  return out;
}

Bytes random_bytes(std::size_t count) {
  Bytes out(count);
  if (RAND_bytes_ex(nullptr, out.data(), out.size(), 0) != 1)
    throw_openssl(Errc::kUnavailable, "OpenSSL has no randomness to give");
  return out;
}

}  // namespace poolkey::crypto
