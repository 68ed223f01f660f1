#include "provider/signing_token.h"

#include "hsm/object.h"
#include "provider/private_key.h"

namespace poolkey::provider {

bool SigningToken::logged_in() {
  const std::lock_guard hold(login_mutex_);
  return logged_in_;
}

void SigningToken::login(const PinSource& pin) {
  const auto is_done = [this] {
    if (refusal_) throw Error(*refusal_);
    return logged_in_;
  };
  {
    const std::lock_guard hold(login_mutex_);
    if (is_done()) return;
  }
  const Pin given = pin();
  const std::lock_guard hold(login_mutex_);
  if (is_done()) return;
  try {
    token_->login(hsm::Role::kUser, given);
    logged_in_ = true;
  } catch (const Error& error) {
    if (error.code() == Errc::kAuthFailed) refusal_ = error;
    throw;
  }
}

std::shared_ptr<PrivateKey> SigningToken::private_key(CK_OBJECT_HANDLE object,
                                                      const PublicPart& part, Bytes id,
                                                      std::string label,
                                                      std::shared_ptr<const Rules> rules) {
  const std::lock_guard hold(keys_mutex_);
  std::erase_if(keys_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<PrivateKey>& known = keys_[object];
  // A handle may have been given to another object since.
  if (auto key = known.lock(); key != nullptr && key->part() == part && key->is_under(rules.get()))
    return key;
  auto key = std::make_shared<PrivateKey>(shared_from_this(), object, part, std::move(id),
                                          std::move(label), std::move(rules));
  known = key;
  return key;
}

hsm::Session& SigningToken::copies() {
  if (!copies_)
    copies_ = std::make_unique<hsm::Session>(token_->shared_module(), token_->info().slot);
  return *copies_;
}

CK_OBJECT_HANDLE SigningToken::copy_to_session(CK_OBJECT_HANDLE object) noexcept {
  const std::lock_guard hold(copies_mutex_);
  try {
    hsm::Session& session = copies();
    // PKCS#11 v2.40 4.4.1: both are true where a token does not tell.
    if (!hsm::read_bool(session, object, CKA_COPYABLE).value_or(true) ||
        !hsm::read_bool(session, object, CKA_MODIFIABLE).value_or(true))
      return CK_INVALID_HANDLE;
    hsm::Template changes;
    changes.set(CKA_TOKEN, false);
    return hsm::copy_object(session, object, std::move(changes));
  } catch (const std::exception&) {
    copies_.reset();  // perhaps the session is what failed; the next one starts afresh
    return CK_INVALID_HANDLE;
  }
}

void SigningToken::drop_copy(CK_OBJECT_HANDLE copy) noexcept {
  const std::lock_guard hold(copies_mutex_);
  if (!copies_) return;
  try {
    // Should the handle have been given to a token object meanwhile, that is not ours to destroy.
    if (hsm::read_bool(*copies_, copy, CKA_TOKEN) == false) hsm::destroy_object(*copies_, copy);
  } catch (const std::exception&) {
    return;  // it went before us
  }
}

}  // namespace poolkey::provider
