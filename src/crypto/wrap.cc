#include "crypto/wrap.h"

#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>

namespace poolkey::crypto {
namespace {

using Pkcs8 = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free<PKCS8_PRIV_KEY_INFO_free>>;

constexpr std::size_t kMaxBlob = 64U << 10;  // an RSA-16384 private key has 9 KiB

}  // namespace

SecretBytes oaep_decrypt(EVP_PKEY* key, std::string_view hash, ByteView ciphertext) {
  const EvpMd md = fetch_digest(hash);
  const EvpPkeyCtx ctx(EVP_PKEY_CTX_new(key, nullptr));
  if (!ctx || EVP_PKEY_decrypt_init(ctx.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(ctx.get(), md.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), md.get()) != 1)
    throw_openssl(Errc::kUnsupported, "the key cannot decrypt RSA-OAEP");
  std::size_t size = static_cast<std::size_t>(std::max(EVP_PKEY_get_size(key), 0));
  SecretBytes out(size);
  if (EVP_PKEY_decrypt(ctx.get(), out.span().data(), &size, ciphertext.data(), ciphertext.size()) !=
      1) {
    drain_errors();
    throw Error(Errc::kCorrupt,
                "the RSA-OAEP part does not open: it is damaged, or meant for another key");
  }
  return SecretBytes(out.view().first(size));
}

SecretBytes kwp_unwrap(ByteView kek, ByteView blob) {
  if (kek.size() != 16 && kek.size() != 24 && kek.size() != 32)
    throw Error(Errc::kInvalidArgument,
                "an AES wrapping key has 16, 24 or 32 octets, not " + std::to_string(kek.size()));
  if (blob.size() < 16 || blob.size() % 8 != 0 || blob.size() > kMaxBlob)
    throw Error(Errc::kCorrupt, "a wrapped key of " + std::to_string(blob.size()) +
                                    " octets is not of RFC 5649: it comes in steps of 8 from 16");
  const std::string name = "AES-" + std::to_string(kek.size() * 8) + "-WRAP-PAD";
  const EvpCipher cipher(EVP_CIPHER_fetch(nullptr, name.c_str(), nullptr));
  const EvpCipherCtx ctx(EVP_CIPHER_CTX_new());
  if (!cipher || !ctx) throw_openssl(Errc::kInternal, "OpenSSL has no " + name);
  EVP_CIPHER_CTX_set_flags(ctx.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  SecretBytes out(blob.size());
  int size = 0;
  int rest = 0;
  if (EVP_DecryptInit_ex2(ctx.get(), cipher.get(), kek.data(), nullptr, nullptr) != 1 ||
      EVP_DecryptUpdate(ctx.get(), out.span().data(), &size, blob.data(),
                        static_cast<int>(blob.size())) != 1 ||
      size <= 0 || EVP_DecryptFinal_ex(ctx.get(), out.span().data() + size, &rest) != 1) {
    drain_errors();
    throw Error(Errc::kCorrupt,
                "the wrapped key does not open: it is damaged, or was wrapped by another key");
  }
  return SecretBytes(out.view().first(static_cast<std::size_t>(size + rest)));
}

EvpPkey parse_pkcs8_padded(ByteView der) {
  if (der.empty() || der.size() > kMaxBlob)
    throw Error(Errc::kCorrupt, "the octets are no PKCS#8 private key");
  const unsigned char* at = der.data();
  const ErrorMark mark;
  const Pkcs8 info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  if (!info) throw Error(Errc::kCorrupt, "the octets are no PKCS#8 private key");
  const ByteView rest = der.subspan(static_cast<std::size_t>(at - der.data()));
  if (rest.size() > 7 || std::ranges::any_of(rest, [](std::uint8_t b) { return b != 0; }))
    throw Error(Errc::kCorrupt, "the PKCS#8 private key is followed by " +
                                    std::to_string(rest.size()) +
                                    " octets that are not a token's padding");
  EvpPkey key(EVP_PKCS82PKEY(info.get()));
  if (!key) throw Error(Errc::kCorrupt, "the PKCS#8 holds no key that OpenSSL can use");
  return key;
}

}  // namespace poolkey::crypto
