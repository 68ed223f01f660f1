#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "crypto/tls_server.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305";
constexpr std::string_view kSessions = "poolkey";
/// How long a ticket may be used again. Who a peer is, is asked anew for every request.
constexpr long kTicketSeconds = 3600;

/// A member that was away for long shows a certificate that has ended; the service decides what it
/// may still do with it. Everything else must be right.
int accept_ended(int verified, X509_STORE_CTX* context) {
  if (verified == 1) return 1;
  const bool leaf = X509_STORE_CTX_get_error_depth(context) == 0;
  if (!leaf || X509_STORE_CTX_get_error(context) != X509_V_ERR_CERT_HAS_EXPIRED) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}

void require(bool done, const char* what) {
  if (!done) throw_openssl(Errc::kInternal, std::string("OpenSSL refused ") + what);
}

void add_trust(SSL_CTX* context, const std::vector<Certificate>& roots,
               const std::vector<Certificate>& issuers) {
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& root : roots) {
    require(X509_STORE_add_cert(store, root.x509()) == 1, "a root certificate");
    require(SSL_CTX_add_client_CA(context, root.x509()) == 1, "a root's name");
  }
  // Clients send their chain; those that do not are helped.
  for (const Certificate& issuer : issuers)
    require(X509_STORE_add_cert(store, issuer.x509()) == 1, "an issuer's certificate");
}

}  // namespace

void FreeTlsContext::operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }

TlsContext tls_server_context(OSSL_LIB_CTX* library, EVP_PKEY* key,
                              const std::vector<Certificate>& chain,
                              const std::vector<Certificate>& roots,
                              const std::vector<Certificate>& issuers) {
  TlsContext out(SSL_CTX_new_ex(library, nullptr, TLS_server_method()));
  require(out != nullptr, "a TLS context");
  SSL_CTX* context = out.get();
  require(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, "TLS 1.2");
  SSL_CTX_set_options(
      context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  require(SSL_CTX_set_cipher_list(context, kCiphers12) == 1, "the cipher list");
  // A copy: comparing leaves the key's provider in the certificate's public key, and Certificates
  // are kept beyond the provider's life.
  const X509Ptr leaf = from_der<X509Ptr, d2i_X509>(chain.front().der());
  require(leaf && SSL_CTX_use_certificate(context, leaf.get()) == 1, "the service's certificate");
  for (std::size_t i = 1; i < chain.size(); ++i)
    require(SSL_CTX_add1_chain_cert(context, chain[i].x509()) == 1, "the service's chain");
  require(SSL_CTX_use_PrivateKey(context, key) == 1, "the service's key");
  add_trust(context, roots, issuers);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_ended);
  SSL_CTX_set_timeout(context, kTicketSeconds);
  require(SSL_CTX_set_session_id_context(context,
                                         reinterpret_cast<const unsigned char*>(kSessions.data()),
                                         static_cast<unsigned>(kSessions.size())) == 1,
          "the session's name");
  return out;
}

TlsPeer tls_peer(SSL* connection) {
  const X509Ptr shown(SSL_get1_peer_certificate(connection));
  if (!shown) return {};
  return {to_der<i2d_X509>(shown.get()),
          X509_cmp_current_time(X509_get0_notAfter(shown.get())) < 0};
}

}  // namespace poolkey::crypto
