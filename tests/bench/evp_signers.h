// Signing as programs do it with OpenSSL: the two ways that rows measure.
// May touch: OpenSSL. Called by: the rows of signing.
#pragma once

#include <array>
#include <string>

#include "crypto/openssl.h"

namespace poolkey::bench {

/// EVP_PKEY_sign of a digest with a context that is kept: what C_Sign does, no more.
class DigestSigner {
 public:
  DigestSigner(EVP_PKEY* key, OSSL_LIB_CTX* library)
      : context_(EVP_PKEY_CTX_new_from_pkey(library, key, nullptr)) {
    if (!context_ || EVP_PKEY_sign_init(context_.get()) != 1 ||
        EVP_PKEY_CTX_set_signature_md(context_.get(), EVP_sha256()) != 1)
      crypto::throw_openssl(Errc::kInternal, "the key does not sign");
  }
  void sign() {
    std::size_t size = out_.size();
    if (EVP_PKEY_sign(context_.get(), out_.data(), &size, digest_.data(), digest_.size()) != 1)
      crypto::throw_openssl(Errc::kInternal, "EVP_PKEY_sign failed");
  }

 private:
  crypto::EvpPkeyCtx context_;
  std::array<unsigned char, 1024> out_{};
  std::array<unsigned char, 32> digest_{};
};

/// EVP_DigestSign of a short message with a fresh context, as TLS and certificate code do it.
class MessageSigner {
 public:
  MessageSigner(EVP_PKEY* key, OSSL_LIB_CTX* library) : key_(key), library_(library) {}
  void sign() {
    const crypto::EvpMdCtx context(EVP_MD_CTX_new());
    std::size_t size = out_.size();
    if (!context ||
        EVP_DigestSignInit_ex(context.get(), nullptr, "SHA256", library_, nullptr, key_, nullptr) !=
            1 ||
        EVP_DigestSign(context.get(), out_.data(), &size, message_.data(), message_.size()) != 1)
      crypto::throw_openssl(Errc::kInternal, "EVP_DigestSign failed");
  }

 private:
  EVP_PKEY* key_;
  OSSL_LIB_CTX* library_;
  std::array<unsigned char, 1024> out_{};
  std::array<unsigned char, 64> message_{};
};

}  // namespace poolkey::bench
