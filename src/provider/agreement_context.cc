#include "provider/agreement_context.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <string_view>

#include "provider/param.h"

namespace poolkey::provider {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, crypto::Free<EVP_KDF_free>>;
using KdfCtx = std::unique_ptr<EVP_KDF_CTX, crypto::Free<EVP_KDF_CTX_free>>;

constexpr std::size_t kMaxDerived = 1U << 20;  // nothing that CMS wraps keys with comes near

/// A point as a DER OCTET STRING, which some tokens want where PKCS#11 v2.40 2.3.5 allows both.
Bytes wrapped(const Bytes& point) {
  Bytes out{V_ASN1_OCTET_STRING};
  if (point.size() >= 0x80) out.push_back(0x81);
  out.push_back(static_cast<std::uint8_t>(point.size()));
  out.insert(out.end(), point.begin(), point.end());
  return out;
}

}  // namespace

const Key& AgreementContext::key() const {
  if (!key_) throw Error(Errc::kInvalidArgument, "the key agreement has no key");
  return *key_;
}

void AgreementContext::begin(const std::shared_ptr<const Key>& new_key) {
  if (new_key) key_ = new_key;
  if (key().part.kind != KeyKind::kEc || !key().is_private())
    throw Error(Errc::kInvalidArgument, "only a private EC key agrees on a secret");
  peer_.reset();
  cofactor_mode_ = -1;
  x963_ = false;
  digest_.clear();
  derived_ = 0;
  shared_info_.clear();
}

void AgreementContext::set_peer(const std::shared_ptr<const Key>& peer) {
  if (!peer || peer->part.kind != KeyKind::kEc || peer->part.curve != key().part.curve)
    throw Error(Errc::kInvalidArgument, "the peer's key is not on the curve of ours");
  // OpenSSL looks whether the point is on the curve; a token may not, and would tell of its key.
  static_cast<void>(to_evp(peer->part, provider_.child.get()));
  peer_ = peer;
}

void AgreementContext::set_params(const OSSL_PARAM params[]) {
  if (params == nullptr) return;
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE)) {
    cofactor_mode_ = number_of(*p);
    if (cofactor_mode_ < -1 || cofactor_mode_ > 1) bad_value(*p, std::to_string(cofactor_mode_));
  }
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE)) {
    const std::string name = text_of(*p);
    if (!name.empty() && name != OSSL_KDF_NAME_X963KDF) bad_value(*p, name);
    x963_ = !name.empty();
  }
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST))
    digest_ = text_of(*p);
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN))
    if (OSSL_PARAM_get_size_t(p, &derived_) != 1 || derived_ > kMaxDerived)
      bad_value(*p, "what was given");
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM)) {
    const void* octets = nullptr;
    std::size_t size = 0;
    if (OSSL_PARAM_get_octet_string_ptr(p, &octets, &size) != 1) bad_value(*p, "what was given");
    const auto* begin = static_cast<const std::uint8_t*>(octets);
    shared_info_.assign(begin, begin + size);
  }
}

void AgreementContext::get_params(OSSL_PARAM params[]) const {
  if (auto* p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE))
    put_number(*p, cofactor_mode_ < 0 ? 0 : cofactor_mode_);
  if (auto* p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE))
    put_word(*p, x963_ ? OSSL_KDF_NAME_X963KDF : "");
  if (auto* p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST))
    put_word(*p, digest_.c_str());
  if (auto* p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN))
    if (OSSL_PARAM_set_size_t(p, derived_) != 1) bad_value(*p, std::to_string(derived_));
}

std::size_t AgreementContext::size() const { return x963_ ? derived_ : key().part.curve->octets; }

SecretBytes AgreementContext::shared_secret() const {
  if (!peer_) throw Error(Errc::kInvalidArgument, "the key agreement has no peer");
  PrivateKey& own = *key().signer;
  const auto with = [&](Bytes point) {
    CK_ECDH1_DERIVE_PARAMS params{};
    params.kdf = CKD_NULL;
    params.pPublicData = point.data();
    params.ulPublicDataLen = point.size();
    return own.derive({CKM_ECDH1_DERIVE, &params, sizeof params}, key().part.curve->octets);
  };
  return first_or(
      own.notes(), {CKM_ECDH1_DERIVE}, "ECDH with the point as it is",
      [&] { return with(peer_->part.point); }, "ECDH with the point in an OCTET STRING",
      [&] { return with(wrapped(peer_->part.point)); });
}

SecretBytes AgreementContext::derive() const {
  const SecretBytes secret = shared_secret();
  if (!x963_) return SecretBytes(secret.view());
  OSSL_LIB_CTX* libctx = provider_.child.get();
  const Kdf kdf(EVP_KDF_fetch(libctx, OSSL_KDF_NAME_X963KDF, kOthers));
  const KdfCtx ctx(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  const auto octets = [](const char* name, ByteView value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                             value.size());
  };
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest_.c_str()),
                                       0),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, const_cast<char*>(kOthers), 0),
      octets(OSSL_KDF_PARAM_KEY, secret.view()), octets(OSSL_KDF_PARAM_INFO, shared_info_),
      OSSL_PARAM_construct_end()};
  SecretBytes out(derived_);
  if (!ctx || EVP_KDF_derive(ctx.get(), out.span().data(), out.size(), params) != 1)
    throw Error(Errc::kUnsupported,
                "no other provider derives a key by X9.63 with the digest '" + digest_ + "'");
  return out;
}

}  // namespace poolkey::provider
