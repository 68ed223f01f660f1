// A token as the provider uses it: logged in to once, with the private keys that are in use.
// May touch: hsm. Called by: tokens (makes them), lookup, private_key.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "base/error.h"
#include "base/secret.h"
#include "hsm/token.h"
#include "provider/public_part.h"
#include "provider/rules.h"

namespace poolkey::provider {

class PrivateKey;

/// Where a PIN comes from when one is needed: a file, or a question to the program's user.
using PinSource = std::function<Pin()>;

/// May be used by several threads.
class SigningToken : public std::enable_shared_from_this<SigningToken> {
 public:
  SigningToken(std::shared_ptr<hsm::Token> token, bool logged_in)
      : token_(std::move(token)), logged_in_(logged_in) {}

  const hsm::TokenInfo& info() const { return token_->info(); }
  hsm::Lease lease() { return token_->lease(); }
  /// Grows when sessions were lost; see hsm::Token.
  std::uint64_t epoch() const { return token_->epoch(); }

  bool logged_in();
  /// Logs in unless that was done. A PIN that was refused is never tried again in this process,
  /// nor is another: each further call throws the same kAuthFailed. No lock is held while `pin`
  /// runs (Apache forks inside its prompt).
  void login(const PinSource& pin);

  /// The private key object, one PrivateKey for all who load it under the same rules.
  std::shared_ptr<PrivateKey> private_key(CK_OBJECT_HANDLE object, const PublicPart& part, Bytes id,
                                          std::string label, std::shared_ptr<const Rules> rules);

  /// A session copy of a token object, which signs faster; CK_INVALID_HANDLE where the key or the
  /// module does not allow one.
  CK_OBJECT_HANDLE copy_to_session(CK_OBJECT_HANDLE object) noexcept;
  void drop_copy(CK_OBJECT_HANDLE copy) noexcept;

 private:
  hsm::Session& copies();

  std::shared_ptr<hsm::Token> token_;
  std::mutex login_mutex_;
  bool logged_in_;
  std::optional<Error> refusal_;
  std::mutex keys_mutex_;
  std::map<CK_OBJECT_HANDLE, std::weak_ptr<PrivateKey>> keys_;
  std::mutex copies_mutex_;
  std::unique_ptr<hsm::Session>
      copies_;  ///< session copies live as long as it; used under its lock
};

}  // namespace poolkey::provider
