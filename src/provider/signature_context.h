// The state of one EVP signature operation: key, digest in software, padding; ends in one C_Sign.
// May touch: OpenSSL, hsm. Called by: signature.
#pragma once

#include <memory>
#include <optional>

#include "provider/key.h"
#include "provider/provider.h"
#include "provider/scheme.h"

namespace poolkey::provider {

/// Copying one in the middle of a stream gives two that go on independently: no session of the
/// token belongs to it. Used by one thread at a time.
class SignatureContext {
 public:
  SignatureContext(const Provider& provider, KeyKind kind);
  SignatureContext(const SignatureContext& other);
  SignatureContext& operator=(const SignatureContext&) = delete;

  const Provider& provider() const { return provider_; }
  KeyKind kind() const { return kind_; }

  /// Starts over with `key`, or with the key that is there if it is null. The data will be a
  /// finished digest. Does not touch the token: programs start only to see whether they could.
  void begin(const std::shared_ptr<const Key>& key, bool to_sign);
  /// The same for data that come in pieces; no digest name means SHA-256. Ed25519 takes the message
  /// as a whole and no digest: throws kInvalidArgument for one.
  void begin_digest(const std::shared_ptr<const Key>& key, bool to_sign, std::string_view digest);

  void set_params(const OSSL_PARAM params[]);
  void get_params(OSSL_PARAM params[]) const;

  std::size_t max_signature() const { return key().part.max_signature(); }
  void update(ByteView data);
  /// The digest of what came so far, and `more`; the stream can go on.
  Bytes digest_of(ByteView more = {}) const;

  /// Signs a finished digest (RSA PKCS#1 v1.5 without a digest name: any short data; Ed25519: a
  /// message).
  Bytes sign(ByteView digest) const;
  /// Verifies with another provider, by the public part.
  bool verify(ByteView digest, ByteView signature) const;

 private:
  const Key& key() const;
  const Digest& require_digest() const;
  const EVP_MD* stream_digest() const;
  const Digest& mgf1() const { return mgf1_ ? *mgf1_ : require_digest(); }
  void set_digest(std::string_view name);
  void set_padding(const OSSL_PARAM& param);
  void set_salt(const OSSL_PARAM& param);
  void get_padding(OSSL_PARAM& param) const;
  void get_salt(OSSL_PARAM& param) const;
  Bytes algorithm_id() const;
  Bytes sign_rsa(ByteView digest) const;
  Bytes sign_pss(ByteView digest, const PrivateKey::Proof& proof) const;
  Bytes sign_ecdsa(ByteView digest) const;
  Bytes sign_ed25519(ByteView message) const;

  const Provider& provider_;
  KeyKind kind_;
  std::shared_ptr<const Key> key_;
  std::optional<Digest> digest_;
  bool takes_pieces_ = false;  ///< of the data; else a finished digest
  crypto::EvpMdCtx stream_;    ///< since the first piece
  RsaPadding padding_ = RsaPadding::kPkcs1;
  SaltLength salt_;
  std::optional<Digest> mgf1_;
};

}  // namespace poolkey::provider
