// The provider inside our own programs: built in, on the one module and login of the process.
// May touch: OpenSSL. Called by: app; tests.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "crypto/openssl.h"
#include "hsm/token.h"

namespace poolkey::provider {

/// A library context of our own in which "default" and "poolkey" are active, the latter on one
/// token that is open and logged in already: nothing is initialised and no PIN is asked for here.
/// The process's default context stays as it was, because SoftHSM computes in it. May be used by
/// several threads. Every key and every OpenSSL object made with context() must go before it.
class Builtin {
 public:
  /// Throws kInternal if OpenSSL does not load the two providers.
  explicit Builtin(std::shared_ptr<hsm::Token> token);
  Builtin(const Builtin&) = delete;
  Builtin& operator=(const Builtin&) = delete;

  /// For the `_ex` and `_with_libctx` functions of OpenSSL, and the libctx of crypto::sign.
  OSSL_LIB_CTX* context() const { return context_.get(); }

  /// The private key that an RFC 7512 URI names, by way of OSSL_STORE. It signs in the token, and
  /// exports its public part only. Throws kNotFound, kConflict (several different keys match),
  /// kInvalidArgument (the URI) or what the token says.
  crypto::EvpPkey load_private_key(std::string_view pkcs11_uri) const;

 private:
  using Context = std::unique_ptr<OSSL_LIB_CTX, crypto::Free<OSSL_LIB_CTX_free>>;
  struct Unload {
    void operator()(OSSL_PROVIDER* provider) const noexcept;
  };
  using Handle = std::unique_ptr<OSSL_PROVIDER, Unload>;

  Context context_;
  Handle default_;
  Handle poolkey_;
};

}  // namespace poolkey::provider
