// OCSP (RFC 6960): a client's request read, a signed response made.
// May touch: OpenSSL (in the .cc). Called by: requests, for the embedded CA.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/certificate.h"
#include "crypto/revocation.h"

namespace poolkey::crypto {

/// Which certificate is asked about: its issuer by two hashes, and its serial.
struct OcspCertId {
  Bytes der{};         ///< as asked; the response repeats it
  std::string hash{};  ///< of the two hashes: "SHA1", "SHA256"; empty: one that is not known here
  Bytes issuer_name_hash{};
  Bytes issuer_key_hash{};
  std::string serial{};  ///< as Certificate::serial() gives it

  /// True if both hashes are those of `issuer`.
  bool is_issued_by(const Certificate& issuer) const;
};

struct OcspRequest {
  std::vector<OcspCertId> ids;  ///< 1 to 100
  /// The value of the nonce extension as found, to be sent back octet by octet; empty: none.
  Bytes nonce;
};

/// Reads a request of at most 64 KiB. A signature of the client is not looked at. Throws kCorrupt
/// for what is no request, repeats an extension, has a critical one that is not the nonce, asks for
/// no certificate or more than 100, or has a nonce of more than 128 octets (RFC 9654).
OcspRequest parse_ocsp_request(ByteView der);

enum class OcspStatus { kGood, kRevoked, kUnknown };
/// "good", "revoked", "unknown"
std::string_view name(OcspStatus status);

struct OcspAnswer {
  OcspCertId id;
  OcspStatus status = OcspStatus::kUnknown;
  Revocation revocation{};  ///< of kRevoked only; the reason "unspecified" is left out
};

struct OcspResponseSpec {
  std::vector<OcspAnswer> answers;
  Time produced_at{};
  Time this_update{};
  Time next_update{};
  Bytes nonce{};  ///< as OcspRequest has it
  std::string hash = "SHA256";
};

/// The DER of a successful response, signed by `key` (any provider in `libctx`), with the signer's
/// certificate inside and its key as responder id; checked with the signer's public key. Throws
/// kInvalidArgument for a signer that has no OCSPSigning or another key; kInternal if signing
/// fails.
Bytes ocsp_response(const OcspResponseSpec& spec, const Certificate& signer, evp_pkey_st* key,
                    ossl_lib_ctx_st* libctx = nullptr);

/// What is said instead of an answer, unsigned (RFC 6960 2.3).
enum class OcspRefusal {
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kUnauthorized = 6
};
std::string_view name(OcspRefusal refusal);
Bytes ocsp_refusal(OcspRefusal refusal);

}  // namespace poolkey::crypto
