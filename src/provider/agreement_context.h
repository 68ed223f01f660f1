// The state of one EVP key agreement: key, peer, derivation; ends in one C_DeriveKey.
// May touch: OpenSSL, hsm. Called by: keyexch.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/secret.h"
#include "provider/key.h"
#include "provider/provider.h"

namespace poolkey::provider {

/// ECDH, and what X9.63 makes of it where that is asked for (CMS). May be copied; used by one
/// thread at a time.
class AgreementContext {
 public:
  explicit AgreementContext(const Provider& provider) : provider_(provider) {}

  const Provider& provider() const { return provider_; }

  /// Starts over with `key`. Does not touch the token.
  void begin(const std::shared_ptr<const Key>& key);
  /// Throws kInvalidArgument for a key of another curve, or a point that is not on it.
  void set_peer(const std::shared_ptr<const Key>& peer);
  void set_params(const OSSL_PARAM params[]);
  void get_params(OSSL_PARAM params[]) const;

  /// The octets that come out.
  std::size_t size() const;
  SecretBytes derive() const;

 private:
  const Key& key() const;
  SecretBytes shared_secret() const;

  const Provider& provider_;
  std::shared_ptr<const Key> key_, peer_;
  int cofactor_mode_ = -1;  ///< as the key says; with a cofactor of 1 all modes are the same
  bool x963_ = false;
  std::string digest_;
  std::size_t derived_ = 0;
  Bytes shared_info_;
};

}  // namespace poolkey::provider
