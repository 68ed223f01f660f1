#include "support/raw_calls.h"

namespace poolkey::test {
namespace {

constexpr std::size_t kRoom = 8192;

CK_BYTE* data_of(ByteView bytes) {
  // Cryptoki takes its input by non-const pointers, and writes nothing there.
  return const_cast<CK_BYTE*>(bytes.data());
}
CK_ULONG size_of(ByteView bytes) { return static_cast<CK_ULONG>(bytes.size()); }

/// Where a caller does not want the handle.
CK_OBJECT_HANDLE* or_else(CK_OBJECT_HANDLE* out, CK_OBJECT_HANDLE& nowhere) {
  return out != nullptr ? out : &nowhere;
}

}  // namespace

CK_MECHANISM kwp() { return {CKM_AES_KEY_WRAP_PAD, nullptr, 0}; }

CK_MECHANISM oaep() {
  static CK_RSA_PKCS_OAEP_PARAMS parameters{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr,
                                            0};
  return {CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
}

Rv raw_create(hsm::Session& session, hsm::Template attributes, CK_OBJECT_HANDLE* out) {
  CK_OBJECT_HANDLE nowhere = CK_INVALID_HANDLE;
  return {session.fn().C_CreateObject(session.handle(), attributes.data(), attributes.count(),
                                      or_else(out, nowhere))};
}

Rv raw_copy(hsm::Session& session, CK_OBJECT_HANDLE object, hsm::Template changes,
            CK_OBJECT_HANDLE* out) {
  CK_OBJECT_HANDLE nowhere = CK_INVALID_HANDLE;
  return {session.fn().C_CopyObject(session.handle(), object, changes.data(), changes.count(),
                                    or_else(out, nowhere))};
}

Rv raw_set(hsm::Session& session, CK_OBJECT_HANDLE object, hsm::Template changes) {
  return {
      session.fn().C_SetAttributeValue(session.handle(), object, changes.data(), changes.count())};
}

Rv raw_read(hsm::Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, Bytes* out) {
  Bytes value(kRoom);
  CK_ATTRIBUTE attribute{type, value.data(), size_of(value)};
  const CK_RV rv = session.fn().C_GetAttributeValue(session.handle(), object, &attribute, 1);
  if (rv == CKR_OK && out != nullptr) {
    value.resize(attribute.ulValueLen);
    *out = std::move(value);
  }
  return {rv};
}

Rv raw_generate_aes(hsm::Session& session, hsm::Template attributes, CK_OBJECT_HANDLE* out) {
  CK_OBJECT_HANDLE nowhere = CK_INVALID_HANDLE;
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  attributes.set(CKA_VALUE_LEN, CK_ULONG{32});
  return {session.fn().C_GenerateKey(session.handle(), &mechanism, attributes.data(),
                                     attributes.count(), or_else(out, nowhere))};
}

Rv raw_wrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE wrapping_key,
            CK_OBJECT_HANDLE key, Bytes* out) {
  Bytes wrapped(kRoom);
  CK_ULONG size = size_of(wrapped);
  const CK_RV rv = session.fn().C_WrapKey(session.handle(), &mechanism, wrapping_key, key,
                                          wrapped.data(), &size);
  if (rv == CKR_OK && out != nullptr) {
    wrapped.resize(size);
    *out = std::move(wrapped);
  }
  return {rv};
}

Rv raw_unwrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView wrapped,
              hsm::Template attributes, CK_OBJECT_HANDLE* out) {
  CK_OBJECT_HANDLE nowhere = CK_INVALID_HANDLE;
  return {session.fn().C_UnwrapKey(session.handle(), &mechanism, key, data_of(wrapped),
                                   size_of(wrapped), attributes.data(), attributes.count(),
                                   or_else(out, nowhere))};
}

Rv raw_decrypt(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data,
               Bytes* out) {
  const CK_RV began = session.fn().C_DecryptInit(session.handle(), &mechanism, key);
  if (began != CKR_OK) return {began};
  Bytes clear(kRoom);
  CK_ULONG size = size_of(clear);
  const CK_RV rv =
      session.fn().C_Decrypt(session.handle(), data_of(data), size_of(data), clear.data(), &size);
  if (rv == CKR_OK && out != nullptr) {
    clear.resize(size);
    *out = std::move(clear);
  }
  return {rv};
}

Rv raw_encrypt_init(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key) {
  return {session.fn().C_EncryptInit(session.handle(), &mechanism, key)};
}

Rv raw_sign_init(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key) {
  return {session.fn().C_SignInit(session.handle(), &mechanism, key)};
}

Rv raw_login(hsm::Session& session, CK_USER_TYPE who, std::string_view pin) {
  return {session.fn().C_Login(session.handle(), who, data_of(view(pin)), size_of(view(pin)))};
}

hsm::Template known_aes_key(ByteView value) {
  return hsm::Template()
      .set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY})
      .set(CKA_KEY_TYPE, CK_ULONG{CKK_AES})
      .set(CKA_TOKEN, false)
      .set(CKA_WRAP, true)
      .set(CKA_VALUE, value);
}

}  // namespace poolkey::test
