// The service's own token, with the key that it proves itself by in TLS, and its certificate.
// May touch: everything below. Called by: cli (`service init`), service.
#pragma once

#include <memory>
#include <string>

#include "app/app.h"
#include "requests/ca/client.h"

namespace poolkey::app {

/// What a TLS server needs. The key signs in the token; it must go before its ServiceToken.
struct ServiceIdentity {
  crypto::EvpPkey key;
  std::string chain;  ///< PEM, the leaf first, the root that members have pinned last
  Time not_before{}, not_after{};
};

/// The token, open and logged in, with a provider of its own. May be used by several threads.
class ServiceToken {
 public:
  /// Opens the token of `service` on the module of the origin's open token, which asks for a PIN of
  /// its own. `origin` is used here only. Throws kNotFound where `service init` was not run, or the
  /// token is not there.
  ServiceToken(keys::Context& origin, const home::Service& service);

  /// The library context of the key: SSL_CTX_new_ex() wants it.
  OSSL_LIB_CTX* library() const { return provider_.context(); }

  /// The key with its newest certificate. One that is in the last third of its life, was revoked,
  /// has other names, or is by an issuing CA of before is replaced first; ask once a day at least,
  /// and compare the chains. Throws as requests::service_certificate().
  ServiceIdentity identity(keys::Context& origin, const home::Service& service,
                           requests::Renewal renewal = requests::Renewal::kWhenDue) const;

 private:
  std::shared_ptr<hsm::Token> token_;
  provider::Builtin provider_;
  crypto::PublicKey public_key_;
  Bytes id_;
};

/// Makes the service's token and key where they are missing, and writes the section [service].
/// `side` is the origin with its user logged in; `wanted` is what the section is to say (its serial
/// is not looked at). Run again after a crash it goes on where it stopped; run again with other
/// names, addresses or sockets it changes those. A token that is made has no security officer to
/// speak of: its PIN follows from the user's. Throws kAlreadyExists where the service has another
/// token; kInvalidArgument for the origin's own; kConflict for a token that holds keys already.
home::Service set_up_service(App& side, home::Service wanted, TokenIs token);

}  // namespace poolkey::app
