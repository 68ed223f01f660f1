#include "crypto/certificate.h"

#include <algorithm>

#include "crypto/der_guard.h"
#include "crypto/digest.h"
#include "crypto/foreign.h"
#include "crypto/memo.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {

struct Certificate::State {
  X509Ptr x509;
  Bytes der;
  X509Content content;
  Time not_before;
  Time not_after;
};

namespace {

constexpr std::string_view kLabel = "CERTIFICATE";

/// What can be said before OpenSSL reads the octets.
void check_outline(ByteView der) {
  const Kind kind = recognise(der);
  if (kind != Kind::kCertificate && kind != Kind::kUnknown)
    throw Error(Errc::kCorrupt, "a certificate is wanted, and this is " + std::string(name(kind)));
  check_der(der, "the certificate", Encoding::kDer, kMaxDocument);
}

/// RFC 5280 4.1.2.1. The number on the wire is one less than people say.
void check_version(const X509* x509) {
  const long version = X509_get_version(x509) + 1;
  if (version < 1 || version > 3)
    throw Error(Errc::kUnsupported,
                "the certificate is of version " + std::to_string(version) + "; there are 1 to 3");
  if (version < 3 && X509_get_ext_count(x509) > 0)
    throw Error(Errc::kCorrupt, "the certificate is of version " + std::to_string(version) +
                                    " and has extensions, which only version 3 may have");
}

}  // namespace

Certificate Certificate::from_der(ByteView der) {
  static auto& known = *new Memo<Certificate>;  // never destroyed: SoftHSM ends OpenSSL at exit
  return known.get(der, [&] { return decode(der); });
}

Certificate Certificate::decode(ByteView der) {
  check_outline(der);
  auto x509 = crypto::from_der<X509Ptr, d2i_X509>(der);
  if (!x509) throw Error(Errc::kCorrupt, "the octets are not one X.509 certificate");
  Bytes again = to_der<i2d_X509>(x509.get());
  if (!std::ranges::equal(again, der))
    throw Error(Errc::kCorrupt, "the certificate is not in DER, so its fingerprint is not one");
  check_version(x509.get());
  for (const X509_NAME* name :
       {X509_get_subject_name(x509.get()), X509_get_issuer_name(x509.get())}) {
    check_name_size(name);
    read_name(name);
  }
  {
    const ErrorMark mark;
    // Fills OpenSSL's cache of the extensions now, and so before threads share the object.
    X509_check_purpose(x509.get(), -1, 0);
    if ((X509_get_extension_flags(x509.get()) & EXFLAG_INVALID) != 0)
      throw Error(Errc::kCorrupt, "the certificate has an extension that does not decode");
  }
  X509Content content =
      read_content(X509_get_subject_name(x509.get()), X509_get0_extensions(x509.get()),
                   X509_get_X509_PUBKEY(x509.get()), X509_get0_tbs_sigalg(x509.get()));
  const Time not_before = read_time(X509_get0_notBefore(x509.get()));
  const Time not_after = read_time(X509_get0_notAfter(x509.get()));
  return Certificate(std::make_shared<const State>(
      State{std::move(x509), std::move(again), std::move(content), not_before, not_after}));
}

Certificate Certificate::from_pem(std::string_view pem) { return list_from_pem(pem).front(); }

std::vector<Certificate> Certificate::list_from_pem(std::string_view pem) {
  std::vector<Certificate> out;
  for (const Bytes& der : pem_blocks(pem, {kLabel, "X509 CERTIFICATE"}))
    out.push_back(from_der(der));
  if (out.empty())
    throw Error(Errc::kCorrupt, "the text holds no '-----BEGIN CERTIFICATE-----' block");
  return out;
}

const Bytes& Certificate::der() const { return state_->der; }
std::string Certificate::pem() const { return pem_block(kLabel, der()); }
Bytes Certificate::sha256() const { return crypto::sha256(der()); }
X509* Certificate::x509() const { return state_->x509.get(); }
const PublicKey& Certificate::public_key() const { return state_->content.public_key; }
Time Certificate::not_before() const { return state_->not_before; }
Time Certificate::not_after() const { return state_->not_after; }

const X509Content& Certificate::content() const { return state_->content; }
int Certificate::version() const { return static_cast<int>(X509_get_version(x509())) + 1; }
bool Certificate::is_self_signed() const { return X509_self_signed(x509(), 1) == 1; }

std::string Certificate::subject() const { return state_->content.subject; }
std::string Certificate::issuer() const { return name_text(X509_get_issuer_name(x509())); }
std::string Certificate::common_name() const { return state_->content.name.common_name; }

std::string Certificate::serial() const {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(x509());
  const int size = ASN1_STRING_length(serial);
  const std::string digits =
      hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(std::max(size, 0))});
  return (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + digits;
}

std::vector<std::string> Certificate::dns_sans() const { return state_->content.sans.dns; }
AlternativeNames Certificate::alternative_names() const { return state_->content.sans; }
std::vector<std::string> Certificate::extended_key_usage() const {
  return state_->content.extended_key_usage;
}
bool Certificate::has_extended_key_usage(std::string_view oid) const {
  return std::ranges::find(state_->content.extended_key_usage, oid) !=
         state_->content.extended_key_usage.end();
}
std::optional<KeyUsages> Certificate::key_usage() const { return state_->content.key_usage; }
bool Certificate::is_ca() const { return state_->content.is_ca; }

Bytes Certificate::subject_key_id() const {
  const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(x509());
  if (id == nullptr) return {};
  const unsigned char* data = ASN1_STRING_get0_data(id);
  return {data, data + ASN1_STRING_length(id)};
}

Bytes Certificate::subject_der() const {
  return to_der<i2d_X509_NAME>(X509_get_subject_name(x509()));
}
Bytes Certificate::issuer_der() const {
  return to_der<i2d_X509_NAME>(X509_get_issuer_name(x509()));
}
Bytes Certificate::serial_der() const {
  return to_der<i2d_ASN1_INTEGER>(X509_get0_serialNumber(x509()));
}

}  // namespace poolkey::crypto
