// What a CA sends back, in whatever wrapping. May touch: OpenSSL by way of Certificate.
// Called by: requests, app.
#pragma once

#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"

namespace poolkey::crypto {

/// More certificates in one file are refused: each costs OpenSSL 0.3 ms and more.
inline constexpr std::size_t kMaxBundle = 500;

struct Bundle {
  std::vector<Certificate> certificates;
  std::vector<Bytes> crls;  ///< DER of CertificateList (RFC 5280 5.1), its outline seen, no more
};

/// The certificates and CRLs of a file, in its order, each once. Reads PEM with blocks of any label
/// and text around them, DER, and base64 without armour; in each of them a certificate, a CRL, or a
/// PKCS#7 or CMS SignedData (BER as well), whose signatures and content are not looked at. What
/// else stands in a PEM file, a request for instance, is passed over. Throws kCorrupt, also where
/// there is nothing to give, kInvalidArgument over a limit, and as Certificate::from_der, always
/// naming the line.
Bundle read_bundle(ByteView file);

}  // namespace poolkey::crypto
