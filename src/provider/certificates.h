// Certificates that were found: which of them is wanted, and the chain behind it.
// May touch: OpenSSL. Called by: store, resolve.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/openssl.h"

namespace poolkey::provider {

/// What OSSL_STORE_find asks for; what is absent matches everything.
struct CertificateSearch {
  std::optional<Bytes> subject, issuer;  ///< DER of the names
  std::optional<Bytes> serial;           ///< big-endian, without leading zeros
  std::optional<Bytes> fingerprint;
  std::string digest{};  ///< OpenSSL's name of the fingerprint's; empty: SHA1, as OpenSSL has it

  bool is_empty() const { return !subject && !issuer && !serial && !fingerprint; }
};

/// True if the certificate (DER) is one that is searched for. Works in `libctx`.
bool matches(const CertificateSearch& search, const Bytes& certificate, OSSL_LIB_CTX* libctx);

/// The newest of `leaves` (DER), then the certificates of `all` that lead up from it, then the
/// other leaves; none twice. What is no certificate stays where it is, behind the others.
std::vector<Bytes> with_chain(std::vector<Bytes> leaves, const std::vector<Bytes>& all,
                              OSSL_LIB_CTX* libctx);

}  // namespace poolkey::provider
