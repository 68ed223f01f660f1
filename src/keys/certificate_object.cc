#include "keys/certificate_object.h"

namespace poolkey::keys {
namespace {

hsm::Template x509_objects() {
  hsm::Template t;
  t.set(CKA_CLASS, CK_ULONG{CKO_CERTIFICATE}).set(CKA_CERTIFICATE_TYPE, CK_ULONG{CKC_X_509});
  return t;
}

std::vector<crypto::Certificate> matching(hsm::Token& token, hsm::Template wanted) {
  const hsm::Lease lease = token.lease();
  std::vector<crypto::Certificate> out;
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(*lease, std::move(wanted)))
    if (const auto der = hsm::read_bytes(*lease, object, CKA_VALUE))
      out.push_back(crypto::Certificate::from_der(*der));
  return out;
}

}  // namespace

bool put_certificate(hsm::Token& token, const crypto::Certificate& certificate,
                     const std::string& label, ByteView id) {
  const hsm::Lease lease = token.lease();
  const auto turn = token.writing();
  hsm::Template same = x509_objects();
  same.set(CKA_LABEL, label).set(CKA_ID, id).set(CKA_VALUE, ByteView(certificate.der()));
  if (!hsm::find_objects(*lease, same).empty()) return false;
  same.set(CKA_PRIVATE, false)
      .set(CKA_SUBJECT, ByteView(certificate.subject_der()))
      .set(CKA_ISSUER, ByteView(certificate.issuer_der()))
      .set(CKA_SERIAL_NUMBER, ByteView(certificate.serial_der()));
  hsm::create_token_object(*lease, std::move(same));
  token.module().sync();
  return true;
}

bool holds_certificate(hsm::Token& token, const crypto::Certificate& certificate) {
  return !matching(token, x509_objects().set(CKA_VALUE, ByteView(certificate.der()))).empty();
}

std::vector<crypto::Certificate> certificates_with_id(hsm::Token& token, ByteView id) {
  return matching(token, x509_objects().set(CKA_ID, id));
}

std::vector<crypto::Certificate> certificates_labelled(hsm::Token& token,
                                                       const std::string& label) {
  return matching(token, x509_objects().set(CKA_LABEL, label));
}

}  // namespace poolkey::keys
