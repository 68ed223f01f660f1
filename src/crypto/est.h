// What EST (RFC 7030) says in ASN.1 besides PKCS#10: certificates without a signer around them, and
// what a server wishes requests to say. May touch: OpenSSL (in the .cc). Called by: service.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"

namespace poolkey::crypto {

/// The DER of a PKCS#7 SignedData with these certificates and no signer: "certs-only" (RFC
/// 5652 5.1, RFC 8551 3.8).
Bytes certs_only(const std::vector<Certificate>& certificates);

/// What a server wishes a request to say.
struct CsrWishes {
  std::string algorithm;                          ///< as PublicKey::algorithm()
  std::vector<std::string> extended_key_usage{};  ///< dotted OIDs
};

/// The DER of CsrAttrs (RFC 7030 4.5.2): the kind of key with its size or curve, the extended key
/// usages as an extension request, and the signature's algorithm. Throws kUnsupported for a kind of
/// key that it has no words for.
Bytes csr_attributes(const CsrWishes& wishes);

/// Whether a PKCS#10 has a challengePassword, by which RFC 7030 3.5 links it to its TLS connection.
bool has_challenge_password(ByteView csr);

}  // namespace poolkey::crypto
