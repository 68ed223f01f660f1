// Certificate requests (PKCS#10, RFC 2986): built with a key of any provider, and read back.
// May touch: OpenSSL (in the .cc). Called by: requests, app.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "crypto/content.h"
#include "crypto/template_extension.h"

struct evp_md_ctx_st;
struct evp_pkey_st;
struct ossl_lib_ctx_st;

namespace poolkey::crypto {

/// What to ask a CA for. Names are written as given: the caller has them in lower case.
struct CsrSpec {
  DistinguishedName subject{};
  std::vector<std::string> dns_sans{};
  KeyUsages key_usage{};                          ///< critical when present
  std::vector<std::string> extended_key_usage{};  ///< dotted OIDs; never critical
  std::string hash = "SHA256";                    ///< ignored for Ed25519
  CertificateTemplate adcs_template{};            ///< for a Microsoft CA
};

/// Whether a signature is verified in software before it leaves: over the octets that are given
/// out, with the public key as it stood when the signer was made.
enum class SelfCheck {
  /// Where a fault would give the key away: a wrong RSA signature made by CRT lets anybody factor
  /// the modulus (Boneh, DeMillo, Lipton 1997). It costs some hundredths of an RSA signature; of
  /// ECDSA by P-256, whose faults do no such thing, it costs more than the signature itself.
  kWhereFaultsTell,
  kAlways,
  kNever,
};

/// Signs requests with one key. What is the same in each of them is made once: a key of a provider
/// gives its public part only by way of an encoder, which takes longer than a signature by P-256.
/// `key` and `libctx` must outlive it. May be used by several threads.
class CsrSigner {
 public:
  explicit CsrSigner(evp_pkey_st* key, ossl_lib_ctx_st* libctx = nullptr);
  CsrSigner(CsrSigner&&) noexcept;
  ~CsrSigner();

  /// The DER of a request. SAN is critical only where the subject is empty (RFC 5280 4.2.1.6).
  /// Throws kInvalidArgument for a subject or name that cannot be written, kInternal if signing
  /// fails or the self-check finds a bad signature.
  Bytes sign(const CsrSpec& spec, SelfCheck check = SelfCheck::kWhereFaultsTell) const;

 private:
  struct State;
  Bytes sign_with(evp_md_ctx_st* context, const CsrSpec& spec) const;
  std::unique_ptr<State> state_;
};

/// The DER of a request signed by `key`, checked with the public key alone before it is returned.
/// SAN is critical only where the subject is empty (RFC 5280 4.2.1.6). Throws kInvalidArgument for
/// a subject or name that cannot be written, kInternal if signing fails or the signature is bad.
Bytes build_csr(const CsrSpec& spec, evp_pkey_st* key, ossl_lib_ctx_st* libctx = nullptr);

/// A request as found. Fields are what the request says, not what it should say.
struct ParsedCsr : X509Content {
  Bytes der;
  CertificateTemplate adcs_template{};
  bool signature_valid = false;  ///< proof of possession holds
};

/// "O=Contoso, CN=sip.contoso.com". Throws as CsrSigner::sign.
std::string subject_text(const DistinguishedName& subject);

/// What a request of `spec` with this key will say, before anybody signs it: for the linter. Without
/// octets (`der`), and taken to be signed well.
ParsedCsr draft_csr(const CsrSpec& spec, const PublicKey& key);

/// Reads a file with one request: DER, PEM, or base64 without armour. Throws kCorrupt, saying what
/// it is, for what is none, for a repeated extension and a name with a NUL octet; kInvalidArgument
/// over kMaxDocument octets or kMaxNames names; kUnsupported as PublicKey::from_spki_der.
ParsedCsr parse_csr(ByteView file);

/// "-----BEGIN CERTIFICATE REQUEST-----"
std::string csr_pem(ByteView der);
/// The DER of the one request in a file. Throws as parse_csr().
Bytes csr_der(ByteView file);

}  // namespace poolkey::crypto
