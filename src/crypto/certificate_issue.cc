#include <algorithm>

#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

void add(X509* x509, const ExtensionPtr& extension) {
  if (X509_add_ext(x509, extension.get(), -1) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not add an extension");
}

void refuse(const std::string& why) {
  throw Error(Errc::kInvalidArgument, "the certificate cannot be issued: " + why);
}

void check(const CertificateSpec& spec) {
  if (spec.not_after < spec.not_before)
    refuse("it would end (" + rfc3339(spec.not_after) + ") before it begins (" +
           rfc3339(spec.not_before) + ")");
  const bool named = !spec.dns_sans.empty() || !spec.ip_sans.empty();
  if (spec.subject.empty() && (!named || spec.is_ca))
    refuse("it has no subject" + std::string(spec.is_ca ? ", which a CA needs" : " and no name"));
  if (!spec.is_ca && (spec.key_usage.contains(KeyUsage::kKeyCertSign) || spec.path_length))
    refuse("keyCertSign and a path length are for a CA (RFC 5280 4.2.1.3, 4.2.1.9)");
  if (spec.is_ca && !spec.key_usage.contains(KeyUsage::kKeyCertSign))
    refuse("a CA needs the key usage keyCertSign (RFC 5280 4.2.1.3)");
  if (spec.path_length && *spec.path_length < 0) refuse("its path length is negative");
  const Bytes& serial = spec.serial;
  const bool zero = std::ranges::all_of(serial, [](std::uint8_t b) { return b == 0; });
  if (!serial.empty() && (serial.size() > 20 || (serial[0] & 0x80U) != 0 || zero))
    refuse("its serial number is not a positive integer of at most 20 octets (RFC 5280 4.1.2.2)");
}

Asn1IntegerPtr make_serial(const CertificateSpec& spec) {
  Bytes serial = spec.serial;
  if (serial.empty()) {
    serial = random_bytes(16);
    // Positive, and 16 octets long without a leading zero; 126 random bits remain (BR asks 64).
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3fU) | 0x40U);
  }
  const BnPtr number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  Asn1IntegerPtr out(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
  if (!out) throw_openssl(Errc::kInternal, "OpenSSL could not make a serial number");
  return out;
}

void add_extensions(X509* x509, const CertificateSpec& spec, const PublicKey& subject_key,
                    ByteView authority_key_id) {
  add(x509, basic_constraints(spec.is_ca, spec.path_length));
  if (!spec.key_usage.empty()) add(x509, key_usage_extension(spec.key_usage));
  if (!spec.extended_key_usage.empty())
    add(x509, extended_key_usage_extension(spec.extended_key_usage));
  if (!spec.dns_sans.empty() || !spec.ip_sans.empty())
    add(x509, san_extension(spec.dns_sans, spec.subject.empty(), spec.ip_sans));
  add(x509, subject_key_extension(key_identifier(subject_key)));
  add(x509, authority_key_extension(authority_key_id));
  if (!spec.crl_distribution_points.empty()) add(x509, crl_extension(spec.crl_distribution_points));
  if (!spec.ca_issuers.empty() || !spec.ocsp.empty())
    add(x509, authority_info_extension(spec.ca_issuers, spec.ocsp));
  if (spec.ocsp_no_check) add(x509, ocsp_no_check_extension());
}

struct Issuer {
  const X509_NAME* name;
  Bytes key_id;
  PublicKey public_key;
};

Bytes make(const CertificateSpec& spec, const PublicKey& subject_key, const X509_NAME* subject,
           const Issuer& issuer, EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  const Asn1IntegerPtr serial = make_serial(spec);
  const Asn1TimePtr not_before = make_time(spec.not_before);
  const Asn1TimePtr not_after = make_time(spec.not_after);
  const X509Ptr x509(X509_new());
  if (!x509 || X509_set_version(x509.get(), X509_VERSION_3) != 1 ||
      X509_set_serialNumber(x509.get(), serial.get()) != 1 ||
      X509_set_subject_name(x509.get(), subject) != 1 ||
      X509_set_issuer_name(x509.get(), issuer.name) != 1 ||
      X509_set1_notBefore(x509.get(), not_before.get()) != 1 ||
      X509_set1_notAfter(x509.get(), not_after.get()) != 1 ||
      X509_set_pubkey(x509.get(), subject_key.evp()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not build the certificate");
  add_extensions(x509.get(), spec, subject_key, issuer.key_id);
  const EvpMdCtx ctx = signing_context(key, spec.hash, libctx);
  if (X509_sign_ctx(x509.get(), ctx.get()) <= 0)
    throw_openssl(Errc::kInternal, "the issuer's key did not sign the certificate");
  if (X509_verify(x509.get(), issuer.public_key.evp()) != 1)
    throw_openssl(Errc::kInternal,
                  "the certificate was signed, but its signature does not verify with the "
                  "issuer's public key");
  return to_der<i2d_X509>(x509.get());
}

}  // namespace

Bytes issue(const CertificateSpec& spec, const PublicKey& subject_key, const Certificate& issuer,
            EVP_PKEY* issuer_key, OSSL_LIB_CTX* libctx) {
  check(spec);
  const std::optional<KeyUsages> usage = issuer.key_usage();
  if (!issuer.is_ca() || (usage && !usage->contains(KeyUsage::kKeyCertSign)))
    refuse("'" + issuer.subject() + "' is no CA certificate");
  if (PublicKey::from_evp(issuer_key) != issuer.public_key())
    refuse("the signing key is not the key of '" + issuer.subject() + "'");
  Bytes key_id = issuer.subject_key_id();
  if (key_id.empty()) key_id = key_identifier(issuer.public_key());
  const X509NamePtr subject = make_name(spec.subject);
  return make(spec, subject_key, subject.get(),
              {X509_get_subject_name(issuer.x509()), std::move(key_id), issuer.public_key()},
              issuer_key, libctx);
}

Bytes issue_self_signed(const CertificateSpec& spec, EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  check(spec);
  const PublicKey own = PublicKey::from_evp(key);
  const X509NamePtr subject = make_name(spec.subject);
  return make(spec, own, subject.get(), {subject.get(), key_identifier(own), own}, key, libctx);
}

}  // namespace poolkey::crypto
