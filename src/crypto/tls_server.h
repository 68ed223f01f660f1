// The server's half of TLS: one that asks for client certificates. A library of its own, like the
// client's half. May touch: OpenSSL's libssl (in the .cc). Called by: service.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/openssl.h"

struct ssl_st;
struct ssl_ctx_st;

namespace poolkey::crypto {

struct FreeTlsContext {
  void operator()(ssl_ctx_st* context) const noexcept;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, FreeTlsContext>;

/// A server's: TLS 1.2 and 1.3, forward secrecy and AEAD only, no renegotiation, no compression.
/// A client certificate is asked for and may be missing; one that is shown must verify for
/// client authentication up to `roots`, but for the end of its validity, which tls_peer() tells.
/// `key` and the context live in `library`. Throws kInternal.
TlsContext tls_server_context(OSSL_LIB_CTX* library, EVP_PKEY* key,
                              const std::vector<Certificate>& chain,
                              const std::vector<Certificate>& roots,
                              const std::vector<Certificate>& issuers);

/// What the other side has shown, after the handshake.
struct TlsPeer {
  Bytes certificate{};  ///< DER; empty: none
  bool ended = false;   ///< it does not hold any more
};
TlsPeer tls_peer(ssl_st* connection);

}  // namespace poolkey::crypto
