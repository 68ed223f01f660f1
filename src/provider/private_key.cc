#include "provider/private_key.h"

#include "hsm/object.h"
#include "hsm/sign.h"
#include "provider/guard.h"
#include "provider/lookup.h"

namespace poolkey::provider {
namespace {

/// What a module says of handles that were good once.
bool is_stale(const Error& error) {
  const auto ckr = error.ckr();
  return ckr == CKR_OBJECT_HANDLE_INVALID || ckr == CKR_KEY_HANDLE_INVALID ||
         ckr == CKR_SESSION_HANDLE_INVALID || ckr == CKR_SESSION_CLOSED;
}

}  // namespace

PrivateKey::PrivateKey(std::shared_ptr<SigningToken> token, CK_OBJECT_HANDLE object,
                       PublicPart part, Bytes id, std::string label)
    : token_(std::move(token)),
      part_(std::move(part)),
      id_(std::move(id)),
      label_(std::move(label)),
      object_(object) {}

PrivateKey::~PrivateKey() {
  if (copy_ != CK_INVALID_HANDLE && !process_is_ending()) token_->drop_copy(copy_);
}

CK_OBJECT_HANDLE PrivateKey::usable() {
  const std::lock_guard hold(mutex_);
  if (!copy_tried_) {
    copy_tried_ = true;
    copy_ = token_->copy_to_session(object_);
  }
  return handle();
}

void PrivateKey::find_again(CK_OBJECT_HANDLE dead) {
  const auto is_done = [&] { return handle() != dead; };  // by another thread
  {
    const std::lock_guard hold(mutex_);
    if (is_done()) return;
  }
  const hsm::Lease lease = token_->lease();
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
  if (!id_.empty())
    wanted.set(CKA_ID, ByteView(id_));
  else
    wanted.set(CKA_LABEL, label_);
  for (const CK_OBJECT_HANDLE object : hsm::find_objects(*lease, std::move(wanted))) {
    if (public_part_of_private(*lease, object) != part_) continue;
    const std::lock_guard hold(mutex_);
    if (is_done()) return;
    object_ = object;
    copy_ = CK_INVALID_HANDLE;
    copy_tried_ = false;
    return;
  }
  throw Error(Errc::kNotFound, "the private key '" + label_ + "' has gone from token '" +
                                   token_->info().label +
                                   "', or another key has taken its place; nothing was signed");
}

Bytes PrivateKey::sign_with(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data) {
  hsm::Lease lease = token_->lease();
  try {
    return hsm::sign(*lease, key, mechanism, data, part_.max_signature());
  } catch (const Error&) {
    lease.spoil();
    throw;
  }
}

Bytes PrivateKey::sign(CK_MECHANISM mechanism, ByteView data) {
  const CK_OBJECT_HANDLE key = usable();
  try {
    return sign_with(key, mechanism, data);
  } catch (const Error& error) {
    if (!is_stale(error)) throw;
  }
  find_again(key);
  return sign_with(usable(), mechanism, data);
}

}  // namespace poolkey::provider
