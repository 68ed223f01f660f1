// What strangers send: told by its content, not by its name or label, and taken out of its
// wrapping. May touch: std only. Called by: csr, certificate and bundle of this folder, and tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace poolkey::crypto {

enum class Kind {
  kCertificate,
  kRequest,  ///< PKCS#10
  kCrl,
  kSignedData,    ///< PKCS#7 or CMS SignedData, as a p7b or a signed document
  kOtherCms,      ///< any other content type
  kPublicKey,     ///< SubjectPublicKeyInfo, or PKCS#1
  kOcspResponse,  ///< RFC 6960
  kPrivateKey,    ///< PKCS#8, PKCS#1, SEC 1, DSA; also encrypted
  kPfx,           ///< PKCS#12: a private key with its certificate
  kUnknown,
};

/// "a certificate", "a PKCS#12 file (PFX)".
std::string_view name(Kind kind);

/// By its outline: which kinds of elements stand in the first two levels. Nothing is verified.
Kind recognise(ByteView ber);

/// One thing in a foreign file.
struct ForeignItem {
  Kind kind = Kind::kUnknown;
  std::string label{};  ///< of its PEM block; empty: DER, or base64 without armour
  std::string where{};  ///< " at line 12", or empty
  Bytes content{};
};

/// Everything in a file: PEM with text around it, one thing in DER or BER, or base64 without
/// armour. The outline of each is whole (check_der(), BER allowed). Throws kCorrupt for what is
/// damaged or nothing of this, and says what it is where that is known: an empty file, UTF-16, a
/// web page. Throws kCorrupt for a private key or PFX, which should not have been sent, and
/// kInvalidArgument over kMaxForeign. `wanted` is the object of the sentence: "a certificate".
std::vector<ForeignItem> read_foreign(ByteView file, std::string_view wanted);

/// What to say where there is no `wanted`: "no certificate request is in it, but a certificate".
std::string what_instead(const std::vector<ForeignItem>& items);

}  // namespace poolkey::crypto
