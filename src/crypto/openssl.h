// Owners for OpenSSL's objects, and its error queue turned into our one error.
// May touch: OpenSSL. Called by: crypto and provider, and tests; nobody else includes it.
#pragma once

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace poolkey::crypto {

/// No structure of ours comes near this many octets; more is refused unread.
inline constexpr std::size_t kMaxDer = 16U << 20;

/// Frees with a plain function; what makes a unique_ptr out of any foreign handle.
template <auto F>
struct Free {
  template <class T>
  void operator()(T* p) const noexcept {
    F(p);
  }
};

inline void free_memory(void* p) noexcept { OPENSSL_free(p); }
inline void free_certificates(STACK_OF(X509) * p) noexcept { sk_X509_pop_free(p, X509_free); }
inline void free_extensions(STACK_OF(X509_EXTENSION) * p) noexcept {
  sk_X509_EXTENSION_pop_free(p, X509_EXTENSION_free);
}

using EvpPkey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using EvpPkeyCtx = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using EvpMdCtx = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using EvpMd = std::unique_ptr<EVP_MD, Free<EVP_MD_free>>;
using EvpCipher = std::unique_ptr<EVP_CIPHER, Free<EVP_CIPHER_free>>;
using EvpCipherCtx = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using X509NamePtr = std::unique_ptr<X509_NAME, Free<X509_NAME_free>>;
using X509StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using X509StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using X509StackPtr = std::unique_ptr<STACK_OF(X509), Free<free_certificates>>;
using ExtensionStackPtr = std::unique_ptr<STACK_OF(X509_EXTENSION), Free<free_extensions>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, Free<CMS_ContentInfo_free>>;
using Asn1ObjectPtr = std::unique_ptr<ASN1_OBJECT, Free<ASN1_OBJECT_free>>;
using Asn1TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
using Asn1IntegerPtr = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using Asn1OctetsPtr = std::unique_ptr<ASN1_OCTET_STRING, Free<ASN1_OCTET_STRING_free>>;
using Asn1BitsPtr = std::unique_ptr<ASN1_BIT_STRING, Free<ASN1_BIT_STRING_free>>;

/// What was queued on this thread, joined with "; ", up to the first error of our provider; empties
/// the queue.
std::string drain_errors();

/// Throws `code` with `sentence` and, in brackets, what OpenSSL queued on this thread; the queue is
/// empty after. Where our provider is what failed, its error says more: then the Errc is its own,
/// and its sentence stands behind `sentence`.
[[noreturn]] void throw_openssl(Errc code, const std::string& sentence,
                                std::source_location where = std::source_location::current());

/// Drops from the error queue what is put there during its life: for attempts that may fail.
class ErrorMark {
 public:
  ErrorMark() noexcept { ERR_set_mark(); }
  ErrorMark(const ErrorMark&) = delete;
  ErrorMark& operator=(const ErrorMark&) = delete;
  ~ErrorMark() { ERR_pop_to_mark(); }
};

/// A read-only BIO over octets that must outlive it.
BioPtr memory_bio(ByteView bytes);
/// What was written to a memory BIO.
Bytes bio_bytes(BIO* bio);

/// The contents of the PEM blocks with one of `labels`, in their order; other blocks are skipped
/// and encrypted ones never decrypted. Throws as read_pem().
std::vector<Bytes> pem_blocks(std::string_view pem, std::initializer_list<std::string_view> labels);
std::string pem_block(std::string_view label, ByteView der);

/// A digest of the default context. Throws kUnsupported.
EvpMd fetch_digest(std::string_view name);
/// True for the Edwards curves, which take the message itself.
bool signs_without_digest(const EVP_PKEY* key);

/// The DER of an object, by its i2d function. Throws kInternal.
template <auto I2d, class T>
Bytes to_der(T* object) {
  unsigned char* out = nullptr;
  const int size = I2d(object, &out);
  if (size < 0) throw_openssl(Errc::kInternal, "OpenSSL could not encode an object");
  const std::unique_ptr<unsigned char, Free<free_memory>> owner(out);
  return {out, out + size};
}

/// An object from DER by its d2i function; null where the octets are not exactly one object.
template <class Ptr, auto D2i>
Ptr from_der(ByteView der) {
  const unsigned char* at = der.data();
  if (der.empty() || der.size() > kMaxDer) return {};
  const ErrorMark mark;
  Ptr object(D2i(nullptr, &at, static_cast<long>(der.size())));
  return at == der.data() + der.size() ? std::move(object) : Ptr{};
}

}  // namespace poolkey::crypto
