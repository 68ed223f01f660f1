#include "provider/signature_context.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "crypto/signature.h"
#include "provider/rsa_padding.h"

namespace poolkey::provider {

SignatureContext::SignatureContext(const Provider& provider, KeyKind kind)
    : provider_(provider), kind_(kind), salt_(RSA_PSS_SALTLEN_AUTO) {}

SignatureContext::SignatureContext(const SignatureContext& other)
    : provider_(other.provider_),
      kind_(other.kind_),
      key_(other.key_),
      digest_(other.digest_),
      takes_pieces_(other.takes_pieces_),
      padding_(other.padding_),
      salt_(other.salt_),
      mgf1_(other.mgf1_) {
  if (!other.stream_) return;
  stream_.reset(EVP_MD_CTX_new());
  if (!stream_ || EVP_MD_CTX_copy_ex(stream_.get(), other.stream_.get()) != 1)
    throw Error(Errc::kInternal, "OpenSSL could not copy a digest in the making");
}

const Key& SignatureContext::key() const {
  if (!key_) throw Error(Errc::kInvalidArgument, "the signature context has no key");
  return *key_;
}

const Digest& SignatureContext::require_digest() const {
  if (!digest_) throw Error(Errc::kInvalidArgument, "no digest was chosen for the signature");
  return *digest_;
}

void SignatureContext::begin(const std::shared_ptr<const Key>& new_key, bool to_sign) {
  if (new_key) key_ = new_key;
  if (key().part.kind != kind_) throw Error(Errc::kInvalidArgument, "the key is of another type");
  if (to_sign && !key().is_private())
    throw Error(Errc::kInvalidArgument, "a public key cannot sign");
  takes_pieces_ = false;
  stream_.reset();
  digest_.reset();
  if (!new_key) return;
  padding_ = RsaPadding::kPkcs1;
  salt_ = RSA_PSS_SALTLEN_AUTO;
  mgf1_.reset();
}

void SignatureContext::begin_digest(const std::shared_ptr<const Key>& new_key, bool to_sign,
                                    std::string_view digest) {
  begin(new_key, to_sign);
  if (kind_ == KeyKind::kEd25519) {
    if (!digest.empty())
      throw Error(Errc::kInvalidArgument, "Ed25519 signs the message itself: name no digest");
    return;
  }
  takes_pieces_ = true;
  set_digest(digest.empty() ? "SHA256" : digest);
}

void SignatureContext::set_digest(std::string_view name) {
  Digest chosen = provider_.digests->find(name);
  if (chosen.row().rsa_only && kind_ != KeyKind::kRsa)
    throw Error(Errc::kUnsupported, std::string(chosen.name()) + " is signed with RSA only");
  if (stream_ && digest_ != chosen)
    throw Error(Errc::kInvalidArgument, "the digest cannot change when data have come");
  digest_ = std::move(chosen);
}

const EVP_MD* SignatureContext::stream_digest() const {
  if (!takes_pieces_) throw Error(Errc::kInvalidArgument, "the signature takes a finished digest");
  return require_digest().md();
}

void SignatureContext::update(ByteView data) {
  const EVP_MD* md = stream_digest();
  if (!stream_) {
    stream_.reset(EVP_MD_CTX_new());
    if (!stream_ || EVP_DigestInit_ex2(stream_.get(), md, nullptr) != 1)
      throw Error(Errc::kInternal, "the digest failed");
  }
  if (EVP_DigestUpdate(stream_.get(), data.data(), data.size()) != 1)
    throw Error(Errc::kInternal, "the digest failed");
}

Bytes SignatureContext::digest_of(ByteView more) const {
  const EVP_MD* md = stream_digest();
  const crypto::EvpMdCtx copy(EVP_MD_CTX_new());
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (!copy ||
      (stream_ ? EVP_MD_CTX_copy_ex(copy.get(), stream_.get())
               : EVP_DigestInit_ex2(copy.get(), md, nullptr)) != 1 ||
      EVP_DigestUpdate(copy.get(), more.data(), more.size()) != 1 ||
      EVP_DigestFinal_ex(copy.get(), out.data(), &size) != 1)
    throw Error(Errc::kInternal, "the digest failed");
  out.resize(size);
  return out;
}

Bytes SignatureContext::sign(ByteView digest) const {
  if (!key().is_private()) throw Error(Errc::kInvalidArgument, "a public key cannot sign");
  if (digest_ && digest.size() != digest_->size())
    throw Error(Errc::kInvalidArgument, std::string("a digest of ") + digest_->name() + " has " +
                                            std::to_string(digest_->size()) + " octets, not " +
                                            std::to_string(digest.size()));
  switch (kind_) {
    case KeyKind::kRsa:
      return sign_rsa(digest);
    case KeyKind::kEc:
      return sign_ecdsa(digest);
    case KeyKind::kEd25519:
      break;
  }
  return sign_ed25519(digest);
}

Bytes SignatureContext::sign_rsa(ByteView digest) const {
  CK_MECHANISM mechanism{};
  const auto proof = [&](ByteView signature) { return verify(digest, signature); };
  if (padding_ == RsaPadding::kPkcs1) {
    mechanism.mechanism = CKM_RSA_PKCS;
    const bool bare = !digest_ || digest_->is_md5_sha1();
    return key().signer->sign(mechanism, bare ? digest : ByteView(digest_info(*digest_, digest)),
                              proof);
  }
  return sign_pss(digest, proof);
}

Bytes SignatureContext::sign_pss(ByteView digest, const PrivateKey::Proof& proof) const {
  const Digest& hash = require_digest();
  PrivateKey& signer = *key().signer;
  const int bits = key().part.bits();
  const std::size_t salt = salt_octets(salt_, hash, bits);
  const auto in_software = [&] {
    CK_MECHANISM raw{};
    raw.mechanism = CKM_RSA_X_509;
    return signer.sign(raw, pss_block(provider_.child.get(), hash, mgf1(), salt, digest, bits),
                       proof);
  };
  if (!hash.is_known_to_tokens() || !mgf1().is_known_to_tokens()) return in_software();
  CK_RSA_PKCS_PSS_PARAMS params{};
  params.hashAlg = hash.row().mechanism;
  params.mgf = mgf1().row().mgf;
  params.sLen = salt;
  return first_or(
      signer.notes(), {CKM_RSA_PKCS_PSS, params.hashAlg, params.mgf},
      std::string("RSASSA-PSS with ") + hash.name() + " and MGF1 with " + mgf1().name(),
      [&] {
        return signer.sign({CKM_RSA_PKCS_PSS, &params, sizeof params}, digest, proof);
      },
      "the raw RSA that would do instead", in_software);
}

Bytes SignatureContext::sign_ecdsa(ByteView digest) const {
  // FIPS 186-5 6.4.1: the leftmost bits, as many as the group's order has. No module has to do it.
  const std::size_t octets = key().part.curve->octets;
  CK_MECHANISM mechanism{};
  mechanism.mechanism = CKM_ECDSA;
  return crypto::ecdsa_der(key().signer->sign(
      mechanism, digest.first(std::min(octets, digest.size())),
      [&](ByteView signature) { return verify(digest, crypto::ecdsa_der(signature)); }));
}

Bytes SignatureContext::sign_ed25519(ByteView message) const {
  CK_MECHANISM mechanism{};
  mechanism.mechanism = CKM_EDDSA;
  return key().signer->sign(mechanism, message,
                            [&](ByteView signature) { return verify(message, signature); });
}

bool SignatureContext::verify(ByteView digest, ByteView signature) const {
  OSSL_LIB_CTX* libctx = provider_.child.get();
  const crypto::EvpPkey other = to_evp(key().part, libctx);
  if (kind_ == KeyKind::kEd25519) {
    const crypto::EvpMdCtx whole(EVP_MD_CTX_new());
    if (!whole || EVP_DigestVerifyInit_ex(whole.get(), nullptr, nullptr, libctx, kOthers,
                                          other.get(), nullptr) != 1)
      throw Error(Errc::kUnsupported, "no other provider verifies Ed25519");
    return EVP_DigestVerify(whole.get(), signature.data(), signature.size(), digest.data(),
                            digest.size()) == 1;
  }
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(libctx, other.get(), kOthers));
  bool ready = ctx && EVP_PKEY_verify_init(ctx.get()) == 1;
  if (ready && digest_) ready = EVP_PKEY_CTX_set_signature_md(ctx.get(), digest_->md()) == 1;
  if (ready && padding_ == RsaPadding::kPss)
    ready = EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx.get(), salt_) == 1 &&
            EVP_PKEY_CTX_set_rsa_mgf1_md(ctx.get(), mgf1().md()) == 1;
  if (!ready) throw Error(Errc::kUnsupported, "no other provider verifies this signature");
  return EVP_PKEY_verify(ctx.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

}  // namespace poolkey::provider
