// The client's half of TLS: with which key it shows itself, and whom it believes. A library of its
// own, like the probe. May touch: OpenSSL's libssl (in the .cc). Called by: http, for connections
// of libcurl; tests.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/openssl.h"

struct ssl_ctx_st;

namespace poolkey::crypto {

/// What one side of a connection has and trusts.
struct TlsClientSpec {
  std::vector<Certificate> chain{};    ///< leaf first; empty: the client shows no certificate
  std::shared_ptr<evp_pkey_st> key{};  ///< the leaf's, in any library context
  std::vector<Certificate> roots{};    ///< the server's chain ends in one of them, or
  Bytes pinned_root{};  ///< where there are none: in one that it sends and that has this SHA-256
};

/// Sets up SSL_CTX objects that others made, as libcurl does: in the default library context. A key
/// of our provider signs all the same, for OpenSSL 3.0 takes the signature from the provider that
/// holds the key. Host names are whoever connects to check. One thread at a time.
class TlsClient {
 public:
  /// Throws kInvalidArgument where nobody would be trusted, or the key is not the leaf's.
  explicit TlsClient(TlsClientSpec spec);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// TLS 1.2 and 1.3 with this key and trust and no other. This object must outlive the SSL_CTX.
  /// Throws kInternal.
  void configure(ssl_ctx_st* context);

  /// Why the last server was not believed; empty where it was, or was not asked.
  const std::string& distrust() const { return distrust_; }

 private:
  static int verify(x509_store_ctx_st* found, void* self);
  bool believe(x509_store_ctx_st* found);

  TlsClientSpec spec_;
  std::string distrust_;
};

/// A private key for shared ownership.
std::shared_ptr<evp_pkey_st> shared_key(EvpPkey key);

}  // namespace poolkey::crypto
