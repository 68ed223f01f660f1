// One private key object of a token, and what is done with it.
// May touch: hsm. Called by: the operations' contexts; made by signing_token.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"
#include "hsm/decrypt.h"
#include "provider/key_notes.h"
#include "provider/public_part.h"
#include "provider/signing_token.h"

namespace poolkey::provider {

/// May be used by several threads: what they share is two handles behind a lock that is not held
/// while the token works.
class PrivateKey {
 public:
  PrivateKey(std::shared_ptr<SigningToken> token, CK_OBJECT_HANDLE object, PublicPart part,
             Bytes id, std::string label);
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;
  ~PrivateKey();

  const PublicPart& part() const { return part_; }

  /// Says whether a signature, as the module gives it, verifies with our public key.
  using Proof = std::function<bool(ByteView signature)>;

  /// One signature, as the module gives it. Where a handle has died the object is looked for once
  /// more, and used only if its public key is still ours; else throws kNotFound. The first
  /// signature under a handle has to pass `proof`, and so has the first one after sessions of the
  /// token were lost: a handle may have been given to another object. Throws kConflict where it
  /// does not pass.
  Bytes sign(CK_MECHANISM mechanism, ByteView data, const Proof& proof);
  /// One decryption by an RSA key, with room for a modulus; handles as in sign(), but there is no
  /// proof in what comes out: the public key is read under a handle that no signature has proven.
  hsm::Decrypted decrypt(CK_MECHANISM mechanism, ByteView data);
  /// The shared secret of `size` octets; handles as in decrypt().
  SecretBytes derive(CK_MECHANISM mechanism, std::size_t size);

  KeyNotes& notes() { return notes_; }

 private:
  CK_OBJECT_HANDLE handle() const { return copy_ != CK_INVALID_HANDLE ? copy_ : object_; }
  CK_OBJECT_HANDLE usable();
  void find_again(CK_OBJECT_HANDLE dead);
  Bytes sign_with(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data) const;
  bool is_proven(CK_OBJECT_HANDLE key, std::uint64_t epoch);
  void set_proven(CK_OBJECT_HANDLE key, std::uint64_t epoch);
  Bytes sign_once(CK_MECHANISM mechanism, ByteView data, const Proof& proof);
  template <class Act>
  auto use_once(const Act& act);
  template <class Once>
  auto twice(const Once& once);

  const std::shared_ptr<SigningToken> token_;
  const PublicPart part_;
  const Bytes id_;
  const std::string label_;
  KeyNotes notes_;
  std::mutex mutex_;
  CK_OBJECT_HANDLE object_;
  CK_OBJECT_HANDLE copy_ = CK_INVALID_HANDLE;
  bool copy_tried_ = false;
  CK_OBJECT_HANDLE proven_ = CK_INVALID_HANDLE;  ///< the handle whose signature verified
  std::uint64_t proven_epoch_ = 0;
};

}  // namespace poolkey::provider
