// The raw PKCS#11 calls that rows are compared with: nothing looked up, nothing checked but CKR_OK.
// May touch: hsm. Called by: the files of rows.
#pragma once

#include "crypto/public_key.h"
#include "hsm/template.h"
#include "hsm/token.h"

namespace poolkey::bench {

/// One C_SignInit and C_Sign of a SHA-256 digest, prepared once.
class RawSigner {
 public:
  /// The token object of this key, in a session of its own.
  RawSigner(const std::shared_ptr<hsm::Token>& token, const crypto::PublicKey& key, ByteView id);
  /// No key yet: find() takes one.
  RawSigner(const std::shared_ptr<hsm::Token>& token, bool rsa);

  /// C_FindObjects of the private key with this attribute.
  void find(CK_ATTRIBUTE_TYPE attribute, std::string value);
  void sign();

 private:
  hsm::Session session_;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
  CK_MECHANISM mechanism_{};
  Bytes input_;
  Bytes out_;
};

void raw_wrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE wrapping_key,
              CK_OBJECT_HANDLE key);
CK_OBJECT_HANDLE raw_unwrap(hsm::Session& session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                            ByteView wrapped, hsm::Template& attributes);
CK_OBJECT_HANDLE raw_create(hsm::Session& session, hsm::Template& attributes);

}  // namespace poolkey::bench
