// How a signature is made: digests, RSA paddings, and the algorithm identifiers that tell of them.
// May touch: OpenSSL, PKCS#11 constants. Called by: signature_context.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "crypto/openssl.h"
#include "hsm/cryptoki.h"
#include "provider/public_part.h"

namespace poolkey::provider {

struct DigestRow {
  const char* name;
  int size;
  bool rsa_only;
  CK_MECHANISM_TYPE mechanism;  ///< 0: PKCS#11 has none, or none with MGF1
  CK_RSA_PKCS_MGF_TYPE mgf;
};

/// A digest that we work with, fetched from another provider.
class Digest {
 public:
  /// Any of OpenSSL's names. Throws kUnsupported, also for a digest without a fixed size.
  Digest(OSSL_LIB_CTX* libctx, std::string_view name);

  const EVP_MD* md() const { return md_.get(); }
  const DigestRow& row() const { return *row_; }
  const char* name() const { return row_->name; }
  std::size_t size() const { return static_cast<std::size_t>(row_->size); }
  /// Whether PSS and OAEP with it can be asked of a token at all.
  bool is_known_to_tokens() const { return row_->mechanism != 0; }
  /// The 36 octets of TLS 1.0 and 1.1, which are signed without a DigestInfo.
  bool is_md5_sha1() const;
  bool operator==(const Digest& other) const { return row_ == other.row_; }

 private:
  std::shared_ptr<EVP_MD> md_;
  const DigestRow* row_;
};

/// The digests that were asked for, by the names that they were asked for with: fetching one takes
/// locks in OpenSSL, and so does each comparison of names. May be used by several threads, which
/// wait for nothing.
class Digests {
 public:
  explicit Digests(OSSL_LIB_CTX* libctx) : libctx_(libctx) {}
  Digests(const Digests&) = delete;
  Digests& operator=(const Digests&) = delete;
  ~Digests();

  /// As the constructor of Digest.
  Digest find(std::string_view name) const;

 private:
  struct Known {
    std::string name;
    Digest digest;
  };
  OSSL_LIB_CTX* libctx_;
  /// Filled from the front and never changed; programs use a few names. More are fetched each time.
  mutable std::array<std::atomic<const Known*>, 32> known_{};
};

enum class RsaPadding { kPkcs1, kPss };

/// RSASSA-PSS's salt as OpenSSL speaks of it: an octet count, or one of RSA_PSS_SALTLEN_* (< 0).
using SaltLength = int;

/// The octets of salt for a key of `bits`. "auto" and "max" are the longest that fits. Throws
/// kInvalidArgument if it does not fit.
std::size_t salt_octets(SaltLength salt, const Digest& digest, int bits);

/// DigestInfo (RFC 8017 9.2 note 1) around a finished digest. Throws kInvalidArgument for a wrong
/// size. Unlike crypto::digest_info it fetches nothing.
Bytes digest_info(const Digest& digest, ByteView hash);

/// DER of the AlgorithmIdentifier that X.509 and CMS write beside the signature.
Bytes rsa_pkcs1_algorithm(const Digest& digest);
Bytes rsa_pss_algorithm(const Digest& digest, const Digest& mgf1, std::size_t salt);
Bytes ecdsa_algorithm(const Digest& digest);
Bytes ed25519_algorithm();

}  // namespace poolkey::provider
