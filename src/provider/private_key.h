// One private key object of a token, and signing with it.
// May touch: hsm. Called by: signature; made by signing_token.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "provider/public_part.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// May be used by several threads: what they share is two handles behind a lock that is not held
/// while the token signs.
class PrivateKey {
 public:
  PrivateKey(std::shared_ptr<SigningToken> token, CK_OBJECT_HANDLE object, PublicPart part,
             Bytes id, std::string label);
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  ~PrivateKey();

  const PublicPart& part() const { return part_; }

  /// One signature, as the module gives it. Where a handle has died the object is looked for once
  /// more, and used only if its public key is still ours; else throws kNotFound.
  Bytes sign(CK_MECHANISM mechanism, ByteView data);

 private:
  CK_OBJECT_HANDLE handle() const { return copy_ != CK_INVALID_HANDLE ? copy_ : object_; }
  CK_OBJECT_HANDLE usable();
  void find_again(CK_OBJECT_HANDLE dead);
  Bytes sign_with(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data);

  const std::shared_ptr<SigningToken> token_;
  const PublicPart part_;
  const Bytes id_;
  const std::string label_;
  std::mutex mutex_;
  CK_OBJECT_HANDLE object_;
  CK_OBJECT_HANDLE copy_ = CK_INVALID_HANDLE;
  bool copy_tried_ = false;
};

}  // namespace poolkey::provider
