#include "provider/key_notes.h"

#include <algorithm>
#include <array>

namespace poolkey::provider {
namespace {

// SoftHSM says CKR_ARGUMENTS_BAD of parameters, and CKR_MECHANISM_INVALID of what
// CKA_ALLOWED_MECHANISMS leaves out.
constexpr std::array<CK_RV, 5> kRefusals{CKR_ARGUMENTS_BAD, CKR_MECHANISM_INVALID,
                                         CKR_MECHANISM_PARAM_INVALID, CKR_FUNCTION_NOT_SUPPORTED,
                                         CKR_KEY_FUNCTION_NOT_PERMITTED};

}  // namespace

std::optional<bool> KeyNotes::works(const Way& way) const {
  const std::lock_guard hold(mutex_);
  const auto known = works_.find(way);
  return known == works_.end() ? std::nullopt : std::optional(known->second);
}

void KeyNotes::set_works(const Way& way, bool answer) {
  const std::lock_guard hold(mutex_);
  works_[way] = answer;
}

std::optional<Bytes> KeyNotes::rejection_secret() const {
  const std::lock_guard hold(mutex_);
  return rejection_secret_;
}

Bytes KeyNotes::set_rejection_secret(Bytes secret) {
  const std::lock_guard hold(mutex_);
  if (!rejection_secret_) rejection_secret_ = std::move(secret);
  return *rejection_secret_;
}

bool is_refusal(const Error& error) noexcept {
  return error.ckr() && std::ranges::find(kRefusals, *error.ckr()) != kRefusals.end();
}

void throw_both(const std::string& what, const Error& first, const std::string& instead,
                const Error& second) {
  throw Error(second.code(), "the token does neither " + what + " with this key (" + first.what() +
                                 ") nor " + instead + " (" + second.what() + ")");
}

}  // namespace poolkey::provider
