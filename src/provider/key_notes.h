// What a token was found to do and to refuse with a private key, and the way round it.
// May touch: hsm. Called by: private_key (owns it), signature_context, decryption_context,
// agreement_context.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "hsm/cryptoki.h"
#include "provider/fork_mutex.h"

namespace poolkey::provider {

/// A mechanism with what a token may refuse of its parameters.
struct Way {
  CK_MECHANISM_TYPE mechanism;
  CK_MECHANISM_TYPE digest = 0;
  CK_RSA_PKCS_MGF_TYPE mgf = 0;
  bool labelled = false;
  auto operator<=>(const Way&) const = default;
};

/// May be used by several threads; forgotten with the key.
class KeyNotes {
 public:
  /// Whether the token goes this way with the key; nothing: it was not tried.
  std::optional<bool> works(const Way& way) const;
  void set_works(const Way& way, bool answer);

  /// The secret that messages for bad padding are made from; the first one that is set stays.
  std::optional<Bytes> rejection_secret() const;
  Bytes set_rejection_secret(Bytes secret);

 private:
  mutable ForkMutex mutex_;
  std::map<Way, bool> works_;
  std::optional<Bytes> rejection_secret_;
};

/// True for what a module says of a mechanism or parameters that it does not do with a key.
bool is_refusal(const Error& error) noexcept;

/// "the token does neither <what> (...) nor <instead> (...)", with the kind of the second.
[[noreturn]] void throw_both(const std::string& what, const Error& first,
                             const std::string& instead, const Error& second);

/// What `first` gives, or what `second` does where the token refuses the first. What was refused
/// once, and replaced with success, is not asked again.
template <class First, class Second>
auto first_or(KeyNotes& notes, const Way& way, const std::string& what, const First& first,
              const std::string& instead, const Second& second) -> decltype(first()) {
  if (notes.works(way) == false) return second();
  std::optional<Error> refusal;
  try {
    return first();
  } catch (const Error& error) {
    if (!is_refusal(error)) throw;
    refusal = error;
  }
  try {
    auto out = second();
    notes.set_works(way, false);
    return out;
  } catch (const Error& error) {
    if (!is_refusal(error) && error.code() != Errc::kDenied) throw;
    throw_both(what, *refusal, instead, error);
  }
}

}  // namespace poolkey::provider
