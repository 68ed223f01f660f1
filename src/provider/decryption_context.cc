#include "provider/decryption_context.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>

#include "provider/param.h"

namespace poolkey::provider {
namespace {

struct EncryptionRow {
  Encryption padding;
  int number;
  const char* word;
};
constexpr std::array kEncryptions{
    EncryptionRow{Encryption::kPkcs1, RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15},
    EncryptionRow{Encryption::kOaep, RSA_PKCS1_OAEP_PADDING, OSSL_PKEY_RSA_PAD_MODE_OAEP},
    EncryptionRow{Encryption::kOaep, RSA_PKCS1_OAEP_PADDING, "oeap"},  // OpenSSL's own older word
    EncryptionRow{Encryption::kTls, RSA_PKCS1_WITH_TLS_PADDING, "tls"},
    EncryptionRow{Encryption::kNone, RSA_NO_PADDING, OSSL_PKEY_RSA_PAD_MODE_NONE}};

CK_MECHANISM plain(CK_MECHANISM_TYPE type) {
  CK_MECHANISM out{};
  out.mechanism = type;
  return out;
}

std::size_t put(const SecretBytes& message, std::span<std::uint8_t> out) {
  std::ranges::copy(message.view(), out.begin());
  return message.size();
}

}  // namespace

const Key& DecryptionContext::key() const {
  if (!key_) throw Error(Errc::kInvalidArgument, "the decryption context has no key");
  return *key_;
}

void DecryptionContext::begin(const std::shared_ptr<const Key>& new_key) {
  if (new_key) key_ = new_key;
  if (key().part.kind != KeyKind::kRsa || !key().is_private())
    throw Error(Errc::kInvalidArgument, "only a private RSA key decrypts");
  padding_ = Encryption::kPkcs1;
  digest_.reset();
  mgf1_.reset();
  label_.clear();
  tls_version_ = tls_other_version_ = 0;
}

void DecryptionContext::set_params(const OSSL_PARAM params[]) {
  if (params == nullptr) return;
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE))
    padding_ = row_meant(kEncryptions, *p).padding;
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST))
    digest_ = provider_.digests->find(text_of(*p));
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST))
    mgf1_ = provider_.digests->find(text_of(*p));
  if (padding_ == Encryption::kOaep && !digest_)
    digest_ = provider_.digests->find("SHA1");  // RFC 8017 A.2.1
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL)) {
    const void* octets = nullptr;
    std::size_t size = 0;
    if (OSSL_PARAM_get_octet_string_ptr(p, &octets, &size) != 1) bad_value(*p, "what was given");
    const auto* begin = static_cast<const std::uint8_t*>(octets);
    label_.assign(begin, begin + size);
  }
  const auto version = [params](const char* name, unsigned& to) {
    const auto* p = OSSL_PARAM_locate_const(params, name);
    if (p != nullptr && OSSL_PARAM_get_uint(p, &to) != 1) bad_value(*p, "what was given");
  };
  version(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, tls_version_);
  version(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, tls_other_version_);
}

void DecryptionContext::get_params(OSSL_PARAM params[]) const {
  if (auto* p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE))
    put_row(*p, *std::ranges::find(kEncryptions, padding_, &EncryptionRow::padding));
  if (auto* p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST))
    put_word(*p, digest_ ? digest_->name() : "");
  if (auto* p = OSSL_PARAM_locate(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST))
    put_word(*p, mgf1_ ? mgf1_->name() : digest_ ? digest_->name() : "");
}

std::size_t DecryptionContext::room() const {
  return padding_ == Encryption::kTls ? kPremaster : key().part.modulus.size();
}

/// As long as the modulus, and less than it (RFC 8017 7.1.2 step 1): no secret is in that.
Bytes DecryptionContext::whole(ByteView ciphertext) const {
  const Bytes& modulus = key().part.modulus;
  Bytes out(modulus.size());
  if (ciphertext.size() <= out.size())
    std::ranges::copy(ciphertext, out.end() - static_cast<std::ptrdiff_t>(ciphertext.size()));
  if (ciphertext.empty() || ciphertext.size() > out.size() || out >= modulus)
    throw Error(Errc::kInvalidArgument, "the ciphertext is not one for an RSA key of " +
                                            std::to_string(key().part.bits()) + " bits");
  return out;
}

/// The policy first: of a pool key no setting allows it.
void DecryptionContext::require_pkcs1(CK_MECHANISM_TYPE mechanism) const {
  token_key().require(mechanism, Act::kDecrypt);
  if (!provider_.tokens->pkcs1_decryption())
    throw Error(Errc::kDenied,
                "PKCS#1 v1.5 decryption is off, also that of TLS 1.2 with RSA key exchange; use "
                "OAEP, or set poolkey-pkcs1-decryption = yes in poolkey's section of openssl.cnf");
}

SecretBytes DecryptionContext::raw(ByteView ciphertext) const {
  hsm::Decrypted out = token_key().decrypt(plain(CKM_RSA_X_509), ciphertext);
  if (!out.good)
    throw Error(Errc::kUnavailable, "the token does not decrypt with raw RSA; nothing was done");
  // A token may leave leading zeros out.
  const auto octets = out.octets.span();
  std::rotate(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(out.size), octets.end());
  return std::move(out.octets);
}

std::optional<SecretBytes> DecryptionContext::oaep_in_token(ByteView ciphertext) const {
  CK_RSA_PKCS_OAEP_PARAMS params{};
  params.hashAlg = digest_->row().mechanism;
  params.mgf = mgf1().row().mgf;
  params.source = CKZ_DATA_SPECIFIED;
  params.pSourceData = label_.empty() ? nullptr : const_cast<std::uint8_t*>(label_.data());
  params.ulSourceDataLen = label_.size();
  const hsm::Decrypted out =
      token_key().decrypt({CKM_RSA_PKCS_OAEP, &params, sizeof params}, ciphertext);
  if (!out.good) return std::nullopt;
  return SecretBytes(out.octets.view().first(out.size));
}

Way DecryptionContext::oaep_way() const {
  return {CKM_RSA_PKCS_OAEP, digest_->row().mechanism, mgf1().row().mgf, !label_.empty()};
}

/// One octet for our own key, with the digests and the label that were told.
Bytes DecryptionContext::oaep_trial() const {
  OSSL_LIB_CTX* libctx = provider_.child.get();
  const crypto::EvpPkey other = to_evp(key().part, libctx);
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(libctx, other.get(), kOthers));
  int padding = RSA_PKCS1_OAEP_PADDING;
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_int(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, &padding),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST,
                                       const_cast<char*>(digest_->name()), 0),
      OSSL_PARAM_construct_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST,
                                       const_cast<char*>(mgf1().name()), 0),
      OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL,
                                        const_cast<std::uint8_t*>(label_.data()), label_.size()),
      OSSL_PARAM_construct_end()};
  constexpr std::uint8_t kMessage = 1;
  Bytes out(key().part.modulus.size());
  std::size_t size = out.size();
  if (!ctx || EVP_PKEY_encrypt_init_ex(ctx.get(), params) != 1 ||
      EVP_PKEY_encrypt(ctx.get(), out.data(), &size, &kMessage, 1) != 1)
    throw Error(Errc::kUnsupported, "no other provider encrypts with RSA-OAEP and these digests");
  return out;
}

/// SoftHSM 2.6.1 takes a label and does not look at it: what was made with another one is
/// decrypted, and what was made with this one is not. Throws as a refusal of the token.
void DecryptionContext::require_label_counts() const {
  KeyNotes& notes = token_key().notes();
  if (label_.empty() || notes.works(oaep_way()) == true) return;
  if (!oaep_in_token(oaep_trial()))
    throw Error(Errc::kUnsupported, CKR_MECHANISM_PARAM_INVALID, "it does not look at the label");
  notes.set_works(oaep_way(), true);
}

SecretBytes DecryptionContext::oaep(ByteView ciphertext) const {
  const auto in_software = [&] {
    return oaep_message(raw(ciphertext).view(), *digest_, mgf1(), label_);
  };
  const auto in_token = [&] {
    require_label_counts();
    return oaep_in_token(ciphertext);
  };
  const bool askable = digest_->is_known_to_tokens() && mgf1().is_known_to_tokens();
  auto out = !askable ? in_software()
                      : first_or(token_key().notes(), oaep_way(),
                                 std::string("RSA-OAEP with ") + digest_->name() + ", MGF1 with " +
                                     mgf1().name() + (label_.empty() ? "" : " and a label"),
                                 in_token, "the raw RSA that would do instead", in_software);
  if (!out)
    throw Error(Errc::kCorrupt,
                "the ciphertext is damaged, or was made for another key, or with another digest or "
                "label than RSA-OAEP was told");
  return std::move(*out);
}

/// From the key where it does raw RSA, so that all processes and replicas give the same messages;
/// nobody is given this block's decryption, as its padding is bad. Else of this process only.
Bytes DecryptionContext::rejection_secret() const {
  KeyNotes& notes = token_key().notes();
  if (auto known = notes.rejection_secret()) return *known;
  OSSL_LIB_CTX* libctx = provider_.child.get();
  const Bytes& modulus = key().part.modulus;
  Bytes secret(32);
  if (notes.works({CKM_RSA_X_509}) == false) {
    if (RAND_priv_bytes_ex(libctx, secret.data(), secret.size(), 0) != 1)
      throw Error(Errc::kInternal, "OpenSSL gave no random octets");
  } else {
    SecretBytes block = pseudo_random(libctx, modulus, "poolkey rejection", modulus.size());
    block.span().front() = 0;  // less than the modulus
    secret.clear();
    const SecretBytes hashed =
        pseudo_random(libctx, raw(block.view()).view(), "poolkey rejection", 32);
    secret.assign(hashed.view().begin(), hashed.view().end());
  }
  return notes.set_rejection_secret(std::move(secret));
}

/// Raw RSA is preferred: then the token does not know the padding, and cannot tell whether it is
/// good. A token that unpads itself says so in its answer, and perhaps in its time.
DecryptionContext::Block DecryptionContext::pkcs1(ByteView ciphertext) const {
  require_pkcs1(CKM_RSA_PKCS);
  return first_or(
      token_key().notes(), {CKM_RSA_X_509}, "raw RSA",
      [&] {
        SecretBytes octets = raw(ciphertext);
        const Unpadded found = unpad_pkcs1(octets.view());
        return Block{std::move(octets), found};
      },
      "PKCS#1 v1.5 decryption",
      [&] {
        hsm::Decrypted out = token_key().decrypt(plain(CKM_RSA_PKCS), ciphertext);
        return Block{std::move(out.octets), {mask_of(out.good), 0, out.size}};
      });
}

std::size_t DecryptionContext::decrypt(ByteView given, std::span<std::uint8_t> out) const {
  const Bytes ciphertext = whole(given);
  OSSL_LIB_CTX* libctx = provider_.child.get();
  switch (padding_) {
    case Encryption::kOaep:
      return put(oaep(ciphertext), out);
    case Encryption::kNone:
      require_pkcs1(CKM_RSA_X_509);  // its caller unpads as it likes
      return put(raw(ciphertext), out);
    case Encryption::kTls: {
      if (tls_version_ == 0) throw Error(Errc::kInvalidArgument, "no TLS version was told");
      SecretBytes instead(kPremaster);
      if (RAND_priv_bytes_ex(libctx, instead.span().data(), kPremaster, 0) != 1)
        throw Error(Errc::kInternal, "OpenSSL gave no random octets");
      const Block block = pkcs1(ciphertext);
      select_premaster(block.octets.view(), block.found, tls_version_, tls_other_version_,
                       instead.view(), out.first<kPremaster>());
      return kPremaster;
    }
    case Encryption::kPkcs1:
      break;
  }
  const Block block = pkcs1(ciphertext);
  return select_message(block.octets.view(), block.found,
                        rejection(libctx, rejection_secret(), ciphertext), out);
}

}  // namespace poolkey::provider
