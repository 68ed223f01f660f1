// Certificates (RFC 5280): read, issued, and checked up to a pinned root.
// May touch: OpenSSL (in the .cc). Called by: requests, pool, audit's callers, app.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "crypto/content.h"

struct evp_pkey_st;
struct ossl_lib_ctx_st;
struct x509_st;

namespace poolkey::crypto {

/// A certificate as a value. Cheap to copy; may be used by several threads at once.
class Certificate {
 public:
  /// Exactly one certificate. Throws kCorrupt, also for a name with a NUL octet; kInvalidArgument
  /// over kMaxDocument octets or kMaxNames names; kUnsupported as PublicKey::from_spki_der. A
  /// serial number may be negative: some CAs of old wrote such, and a linter tells.
  static Certificate from_der(ByteView der);
  /// The first certificate of a PEM text. Throws as from_der.
  static Certificate from_pem(std::string_view pem);
  /// All certificates of a PEM bundle, at least one. Throws as from_der.
  static std::vector<Certificate> list_from_pem(std::string_view pem);

  const Bytes& der() const;
  std::string pem() const;
  /// SHA-256 of the DER, 32 octets: the fingerprint.
  Bytes sha256() const;

  /// What a request has as well, and CDP and AIA.
  const X509Content& content() const;
  int version() const;  ///< 3
  /// Its own key signed it.
  bool is_self_signed() const;
  std::string subject() const;  ///< "O=Contoso, CN=sip.contoso.com"
  std::string issuer() const;
  std::string common_name() const;  ///< the first; empty if there is none
  std::string serial() const;       ///< lower-case hexadecimal of the serial's octets
  Time not_before() const;
  Time not_after() const;
  std::vector<std::string> dns_sans() const;
  AlternativeNames alternative_names() const;
  std::vector<std::string> extended_key_usage() const;  ///< dotted OIDs; empty: no restriction
  bool has_extended_key_usage(std::string_view oid) const;
  std::optional<KeyUsages> key_usage() const;
  bool is_ca() const;
  const PublicKey& public_key() const;
  Bytes subject_key_id() const;  ///< empty if there is none

  /// DER as PKCS#11 wants it in CKA_SUBJECT, CKA_ISSUER and CKA_SERIAL_NUMBER.
  Bytes subject_der() const;
  Bytes issuer_der() const;
  Bytes serial_der() const;

  x509_st* x509() const;  ///< for OpenSSL calls inside crypto and tests

  bool operator==(const Certificate& other) const { return der() == other.der(); }

 private:
  struct State;
  explicit Certificate(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  static Certificate decode(ByteView der);
  std::shared_ptr<const State> state_;
};

/// What a certificate is to say.
struct CertificateSpec {
  DistinguishedName subject{};
  std::vector<std::string> dns_sans{};
  std::vector<std::string> ip_sans{};  ///< "131.107.155.10", "2001:db8::1"
  Time not_before{};
  Time not_after{};  ///< inclusive, as RFC 5280 4.1.2.5 counts
  /// Big-endian, positive, at most 20 octets; empty: 16 octets, 126 of their bits random.
  Bytes serial{};
  bool is_ca = false;
  std::optional<int> path_length{};                    ///< only for a CA
  KeyUsages key_usage{};                               ///< critical when present
  std::vector<std::string> extended_key_usage{};       ///< dotted OIDs; never critical
  std::vector<std::string> crl_distribution_points{};  ///< URLs
  std::vector<std::string> ca_issuers{};               ///< URLs of the issuer's certificate (AIA)
  std::vector<std::string> ocsp{};                     ///< URLs (AIA)
  /// For a responder's certificate: nobody asks whether it was revoked (RFC 6960 4.2.2.2.1).
  bool ocsp_no_check = false;
  std::string hash = "SHA256";  ///< ignored for an Ed25519 issuer
};

/// Issues a certificate under `issuer` with `issuer_key` (any provider in `libctx`), and checks it
/// with the issuer's public key before returning its DER. Throws kInvalidArgument for a spec that
/// cannot be written, an issuer that is no CA, or a key that is not the issuer's; kInternal if
/// signing fails.
Bytes issue(const CertificateSpec& spec, const PublicKey& subject_key, const Certificate& issuer,
            evp_pkey_st* issuer_key, ossl_lib_ctx_st* libctx = nullptr);

/// As issue, for a root: subject and issuer are one, signed by its own key.
Bytes issue_self_signed(const CertificateSpec& spec, evp_pkey_st* key,
                        ossl_lib_ctx_st* libctx = nullptr);

/// The chain above `leaf`, issuer first and root last, to one of `roots` through any of
/// `intermediates`, in any order and with others among them. Throws as verify_chain(), naming the
/// certificate whose issuer is missing.
std::vector<Certificate> chain_of(const Certificate& leaf,
                                  const std::vector<Certificate>& intermediates,
                                  const std::vector<Certificate>& roots, std::optional<Time> at);

/// Checks that `leaf` chains through `intermediates` to exactly `root`, for any purpose. `at`
/// empty: dates are not looked at. Throws kInvalidArgument for a date, kCorrupt for everything
/// else, naming the certificate and the reason.
void verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                  const Certificate& root, std::optional<Time> at);

}  // namespace poolkey::crypto
