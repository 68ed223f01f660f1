// A TLS client in software that knows nothing of the provider: the other side of the servers.
// Called by: the clients of tests/clients that are servers.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "clients/site.h"

namespace poolkey::clients {

struct Offer {
  int version = TLS1_3_VERSION;
  std::string signatures{};  ///< which it takes, as SSL_CTX_set1_sigalgs_list; empty: OpenSSL's
  std::string ciphers{};     ///< of TLS 1.2; empty: OpenSSL's
};

/// What came of one connection.
struct Answer {
  std::string text;   ///< what the server said until it closed
  int signature = 0;  ///< type of the server's signature: EVP_PKEY_RSA, EVP_PKEY_RSA_PSS, ...
};

/// Trusts the site's "cert.pem" and nothing else; sends no server name.
class TlsClient {
 public:
  explicit TlsClient(const Site& site, const Offer& offer = {});
  /// A full handshake; sends `request` and reads to the end. Throws std::runtime_error, also where
  /// the server proved another certificate.
  Answer ask(int port, const std::string& request = "GET / HTTP/1.0\r\n\r\n") const;

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<X509, decltype(&X509_free)> expected_;
};

}  // namespace poolkey::clients
