// The state of one EVP decryption: key, padding and its parameters; ends in one C_Decrypt.
// May touch: OpenSSL, hsm. Called by: asym_cipher.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "provider/key.h"
#include "provider/provider.h"
#include "provider/rsa_padding.h"
#include "provider/scheme.h"

namespace poolkey::provider {

/// kTls is PKCS#1 v1.5 around a premaster secret, as libssl asks for it.
enum class Encryption { kPkcs1, kOaep, kTls, kNone };

/// May be copied; used by one thread at a time.
class DecryptionContext {
 public:
  explicit DecryptionContext(const Provider& provider) : provider_(provider) {}

  const Provider& provider() const { return provider_; }

  /// Starts over with `key`. Does not touch the token.
  void begin(const std::shared_ptr<const Key>& key);
  void set_params(const OSSL_PARAM params[]);
  void get_params(OSSL_PARAM params[]) const;

  /// The most octets that can come out; `out` must have room for so many.
  std::size_t room() const;
  /// Writes the message and returns its size. Throws kDenied for PKCS#1 v1.5 unless the
  /// configuration allows it, and kCorrupt for bad OAEP padding; bad PKCS#1 v1.5 padding throws
  /// nothing and gives a random message.
  std::size_t decrypt(ByteView ciphertext, std::span<std::uint8_t> out) const;

 private:
  /// A decrypted block, and where PKCS#1 v1.5 has its message.
  struct Block {
    SecretBytes octets;
    Unpadded found;
  };

  const Key& key() const;
  PrivateKey& token_key() const { return *key().signer; }
  const Digest& mgf1() const { return mgf1_ ? *mgf1_ : *digest_; }
  Bytes whole(ByteView ciphertext) const;
  void require_pkcs1(CK_MECHANISM_TYPE mechanism) const;
  SecretBytes raw(ByteView ciphertext) const;
  SecretBytes oaep(ByteView ciphertext) const;
  std::optional<SecretBytes> oaep_in_token(ByteView ciphertext) const;
  Bytes oaep_trial() const;
  void require_label_counts() const;
  Way oaep_way() const;
  Block pkcs1(ByteView ciphertext) const;
  Bytes rejection_secret() const;

  const Provider& provider_;
  std::shared_ptr<const Key> key_;
  Encryption padding_ = Encryption::kPkcs1;
  std::optional<Digest> digest_, mgf1_;  ///< of OAEP; set with it
  Bytes label_;
  unsigned tls_version_ = 0, tls_other_version_ = 0;
};

}  // namespace poolkey::provider
