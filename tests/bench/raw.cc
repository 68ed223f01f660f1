#include "bench/raw.h"

#include "crypto/signature.h"
#include "hsm/object.h"
#include "hsm/rv.h"

namespace poolkey::bench {
namespace {

constexpr std::size_t kLargest = 8192;

/// hsm::check() makes a string of its sentence; beside raw calls only a failure may cost that.
void must(CK_RV rv, const char* call) {
  if (rv != CKR_OK) hsm::check(rv, call);
}

}  // namespace

RawSigner::RawSigner(const std::shared_ptr<hsm::Token>& token, bool rsa)
    : session_(token->shared_module(), token->info().slot), out_(kLargest) {
  const Bytes digest(32, 0x5a);
  mechanism_.mechanism = rsa ? CKM_RSA_PKCS : CKM_ECDSA;
  input_ = rsa ? crypto::digest_info("SHA256", digest) : digest;
}

RawSigner::RawSigner(const std::shared_ptr<hsm::Token>& token, const crypto::PublicKey& key,
                     ByteView id)
    : RawSigner(token, key.is_rsa()) {
  key_ = hsm::find_private_key(session_, key, id).value().handle;
}

void RawSigner::find(CK_ATTRIBUTE_TYPE attribute, std::string value) {
  CK_OBJECT_CLASS kind = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &kind, sizeof kind},
                           {attribute, value.data(), static_cast<CK_ULONG>(value.size())}};
  CK_ULONG found = 0;
  must(session_.fn().C_FindObjectsInit(session_.handle(), wanted, 2), "raw C_FindObjectsInit");
  must(session_.fn().C_FindObjects(session_.handle(), &key_, 1, &found), "raw C_FindObjects");
  must(session_.fn().C_FindObjectsFinal(session_.handle()), "raw C_FindObjectsFinal");
  if (found != 1) throw Error(Errc::kNotFound, "raw C_FindObjects found no key");
}

void RawSigner::sign() {
  CK_ULONG size = kLargest;
  must(session_.fn().C_SignInit(session_.handle(), &mechanism_, key_), "raw C_SignInit");
  must(session_.fn().C_Sign(session_.handle(), input_.data(), static_cast<CK_ULONG>(input_.size()),
                            out_.data(), &size),
       "raw C_Sign");
}

void raw_wrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE wrapping_key,
              CK_OBJECT_HANDLE key) {
  CK_BYTE out[kLargest];
  CK_ULONG size = sizeof out;
  must(session.fn().C_WrapKey(session.handle(), &mechanism, wrapping_key, key, out, &size),
       "raw C_WrapKey");
}

CK_OBJECT_HANDLE raw_unwrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                            ByteView wrapped, hsm::Template& attributes) {
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  must(session.fn().C_UnwrapKey(
           session.handle(), &mechanism, key, const_cast<CK_BYTE*>(wrapped.data()),
           static_cast<CK_ULONG>(wrapped.size()), attributes.data(), attributes.count(), &out),
       "raw C_UnwrapKey");
  return out;
}

CK_OBJECT_HANDLE raw_create(hsm::Session& session, hsm::Template& attributes) {
  CK_OBJECT_HANDLE out = CK_INVALID_HANDLE;
  must(session.fn().C_CreateObject(session.handle(), attributes.data(), attributes.count(), &out),
       "raw C_CreateObject");
  return out;
}

}  // namespace poolkey::bench
