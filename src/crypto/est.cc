#include "crypto/est.h"

#include <openssl/pkcs7.h>

#include <algorithm>
#include <array>

#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

using Pkcs7Ptr = std::unique_ptr<PKCS7, Free<PKCS7_free>>;
using AttributePtr = std::unique_ptr<X509_ATTRIBUTE, Free<X509_ATTRIBUTE_free>>;

[[noreturn]] void fail() { throw_openssl(Errc::kInternal, "OpenSSL could not make a structure"); }

/// The kind of key as an attribute whose value says more, and what it signs with.
struct KeyRow {
  std::string_view algorithm;
  int type;       ///< NID
  int curve;      ///< NID, of EC
  int bits;       ///< of RSA
  int signature;  ///< NID
};
constexpr std::array kKeys{
    KeyRow{"RSA-2048", NID_rsaEncryption, 0, 2048, NID_sha256WithRSAEncryption},
    KeyRow{"RSA-3072", NID_rsaEncryption, 0, 3072, NID_sha256WithRSAEncryption},
    KeyRow{"RSA-4096", NID_rsaEncryption, 0, 4096, NID_sha256WithRSAEncryption},
    KeyRow{"RSA-8192", NID_rsaEncryption, 0, 8192, NID_sha256WithRSAEncryption},
    KeyRow{"EC-P-256", NID_X9_62_id_ecPublicKey, NID_X9_62_prime256v1, 0, NID_ecdsa_with_SHA256},
    KeyRow{"EC-P-384", NID_X9_62_id_ecPublicKey, NID_secp384r1, 0, NID_ecdsa_with_SHA384},
    KeyRow{"EC-P-521", NID_X9_62_id_ecPublicKey, NID_secp521r1, 0, NID_ecdsa_with_SHA512},
    KeyRow{"Ed25519", 0, 0, 0, NID_ED25519},
};

/// An attribute with one value, which is copied. `size` -1: `value` is an OpenSSL object.
Bytes attribute(int nid, int type, const void* value, int size) {
  const AttributePtr made(X509_ATTRIBUTE_create_by_NID(nullptr, nid, type, value, size));
  if (!made) fail();
  return to_der<i2d_X509_ATTRIBUTE>(made.get());
}

Bytes key_attribute(const KeyRow& row) {
  if (row.curve != 0) return attribute(row.type, V_ASN1_OBJECT, OBJ_nid2obj(row.curve), -1);
  const Asn1IntegerPtr bits(ASN1_INTEGER_new());
  if (!bits || ASN1_INTEGER_set(bits.get(), row.bits) != 1) fail();
  return attribute(row.type, V_ASN1_INTEGER, bits.get(), -1);
}

Bytes usage_attribute(const std::vector<std::string>& extended_key_usage) {
  const ExtensionStackPtr list(sk_X509_EXTENSION_new_null());
  ExtensionPtr usage = extended_key_usage_extension(extended_key_usage);
  if (!list || sk_X509_EXTENSION_push(list.get(), usage.get()) <= 0) fail();
  static_cast<void>(usage.release());
  const Bytes der = to_der<i2d_X509_EXTENSIONS>(list.get());
  return attribute(NID_ext_req, V_ASN1_SEQUENCE, der.data(), static_cast<int>(der.size()));
}

Bytes sequence(const std::vector<Bytes>& parts) {
  std::size_t size = 0;
  for (const Bytes& part : parts) size += part.size();
  const int content = static_cast<int>(size);
  Bytes out(static_cast<std::size_t>(ASN1_object_size(1, content, V_ASN1_SEQUENCE)));
  unsigned char* at = out.data();
  ASN1_put_object(&at, 1, content, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
  for (const Bytes& part : parts) at = std::ranges::copy(part, at).out;
  return out;
}

}  // namespace

Bytes certs_only(const std::vector<Certificate>& certificates) {
  const Pkcs7Ptr out(PKCS7_new());
  if (!out || PKCS7_set_type(out.get(), NID_pkcs7_signed) != 1 ||
      PKCS7_content_new(out.get(), NID_pkcs7_data) != 1 || PKCS7_set_detached(out.get(), 1) != 1)
    fail();
  for (const Certificate& one : certificates)
    if (PKCS7_add_certificate(out.get(), one.x509()) != 1) fail();
  return to_der<i2d_PKCS7>(out.get());
}

Bytes csr_attributes(const CsrWishes& wishes) {
  const auto row = std::ranges::find(kKeys, wishes.algorithm, &KeyRow::algorithm);
  if (row == kKeys.end())
    throw Error(Errc::kUnsupported, "EST has no words for a key " + wishes.algorithm);
  std::vector<Bytes> parts;
  if (row->type != 0) parts.push_back(key_attribute(*row));
  if (!wishes.extended_key_usage.empty())
    parts.push_back(usage_attribute(wishes.extended_key_usage));
  parts.push_back(to_der<i2d_ASN1_OBJECT>(OBJ_nid2obj(row->signature)));
  return sequence(parts);
}

bool has_challenge_password(ByteView csr) {
  const auto request = from_der<X509ReqPtr, d2i_X509_REQ>(csr);
  return request && X509_REQ_get_attr_by_NID(request.get(), NID_pkcs9_challengePassword, -1) >= 0;
}

}  // namespace poolkey::crypto
