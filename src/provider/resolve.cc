#include "provider/resolve.h"

#include <openssl/encoder.h>

#include "provider/lookup.h"

namespace poolkey::provider {

Bytes fingerprint(const PublicPart& part, OSSL_LIB_CTX* libctx) {
  const crypto::EvpPkey key = to_evp(part, libctx);
  const std::unique_ptr<OSSL_ENCODER_CTX, crypto::Free<OSSL_ENCODER_CTX_free>> encoder(
      OSSL_ENCODER_CTX_new_for_pkey(key.get(), EVP_PKEY_PUBLIC_KEY, "DER", "SubjectPublicKeyInfo",
                                    kOthers));
  const crypto::EvpMd sha256(EVP_MD_fetch(libctx, "SHA256", kOthers));
  unsigned char* spki = nullptr;
  std::size_t size = 0;
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned int out_size = 0;
  if (!encoder || !sha256 || OSSL_ENCODER_to_data(encoder.get(), &spki, &size) != 1)
    throw Error(Errc::kUnsupported,
                "no other provider encodes the public key; is 'default' active?");
  const std::unique_ptr<unsigned char, crypto::Free<crypto::free_memory>> owner(spki);
  if (EVP_Digest(spki, size, out.data(), &out_size, sha256.get(), nullptr) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not compute a fingerprint");
  out.resize(out_size);
  return out;
}

std::shared_ptr<const Key> resolve(const Provider& provider, const crypto::KeyReference& reference,
                                   const PinSource& prompt) {
  const hsm::Uri uri = parse_object_uri(reference.uri, provider.tokens->uri_rules());
  const std::vector<Found> found = look_up(*provider.tokens, uri, Expected::kPrivateKey, prompt);
  const std::shared_ptr<const Key>& key = found.front().key;
  if (!reference.fingerprint.empty() &&
      fingerprint(key->part, provider.child.get()) != reference.fingerprint)
    throw Error(Errc::kConflict, "the private key '" + uri.str() +
                                     "' is not the one that the key reference was written for: its "
                                     "fingerprint differs; nothing was loaded");
  return key;
}

}  // namespace poolkey::provider
