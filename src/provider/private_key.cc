#include "provider/private_key.h"

#include "hsm/derive.h"
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

/// Another try may help: the object was found again.
struct Stale {};

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
  hsm::require_login(*lease);
  throw Error(Errc::kNotFound, "the private key '" + label_ + "' has gone from token '" +
                                   token_->info().label +
                                   "', or another key has taken its place; nothing was done");
}

Bytes PrivateKey::sign_with(CK_OBJECT_HANDLE key, CK_MECHANISM mechanism, ByteView data) const {
  const hsm::Lease lease = token_->lease();
  return hsm::sign(*lease, key, mechanism, data, part_.raw_signature());
}

bool PrivateKey::is_proven(CK_OBJECT_HANDLE key, std::uint64_t epoch) {
  const std::lock_guard hold(mutex_);
  return proven_ == key && proven_epoch_ == epoch;
}

void PrivateKey::set_proven(CK_OBJECT_HANDLE key, std::uint64_t epoch) {
  const std::lock_guard hold(mutex_);
  proven_ = key;
  proven_epoch_ = epoch;
}

Bytes PrivateKey::sign_once(CK_MECHANISM mechanism, ByteView data, const Proof& proof) {
  // Before the signature: what is lost meanwhile counts for the next one.
  const std::uint64_t epoch = token_->epoch();
  const CK_OBJECT_HANDLE key = usable();
  try {
    Bytes out = sign_with(key, mechanism, data);
    if (is_proven(key, epoch)) return out;
    if (proof(out)) {
      set_proven(key, epoch);
      return out;
    }
  } catch (const Error& error) {
    if (!is_stale(error)) throw;
  }
  find_again(key);
  throw Stale{};
}

template <class Act>
auto PrivateKey::use_once(const Act& act) {
  const std::uint64_t epoch = token_->epoch();
  const CK_OBJECT_HANDLE key = usable();
  try {
    const hsm::Lease lease = token_->lease();
    if (is_proven(key, epoch) || public_part_of_private(*lease, key) == part_)
      return act(*lease, key);
  } catch (const Error& error) {
    if (!is_stale(error)) throw;
  }
  find_again(key);
  throw Stale{};
}

template <class Once>
auto PrivateKey::twice(const Once& once) {
  try {
    return once();
  } catch (const Stale&) {
  }
  try {
    return once();
  } catch (const Stale&) {
    throw Error(Errc::kConflict, "token '" + token_->info().label +
                                     "' does not work with the key '" + label_ +
                                     "' under its handle; nothing of it was used");
  }
}

Bytes PrivateKey::sign(CK_MECHANISM mechanism, ByteView data, const Proof& proof) {
  return twice([&] { return sign_once(mechanism, data, proof); });
}

hsm::Decrypted PrivateKey::decrypt(CK_MECHANISM mechanism, ByteView data) {
  return twice([&] {
    return use_once([&](hsm::Session& session, CK_OBJECT_HANDLE key) {
      return hsm::decrypt(session, key, mechanism, data, part_.modulus.size());
    });
  });
}

SecretBytes PrivateKey::derive(CK_MECHANISM mechanism, std::size_t size) {
  return twice([&] {
    return use_once([&](hsm::Session& session, CK_OBJECT_HANDLE key) {
      return hsm::derive(session, key, mechanism, size);
    });
  });
}

}  // namespace poolkey::provider
