#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <array>
#include <charconv>

#include "provider/param.h"
#include "provider/signature_context.h"

// The parameters of a SignatureContext: each may come as a number or as a word, by whoever asks.
namespace poolkey::provider {
namespace {

struct PaddingRow {
  RsaPadding padding;
  int number;
  const char* word;
};
constexpr std::array kPaddings{
    PaddingRow{RsaPadding::kPkcs1, RSA_PKCS1_PADDING, OSSL_PKEY_RSA_PAD_MODE_PKCSV15},
    PaddingRow{RsaPadding::kPss, RSA_PKCS1_PSS_PADDING, OSSL_PKEY_RSA_PAD_MODE_PSS}};

struct SaltRow {
  SaltLength salt;
  const char* word;
};
constexpr std::array kSalts{SaltRow{RSA_PSS_SALTLEN_DIGEST, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST},
                            SaltRow{RSA_PSS_SALTLEN_MAX, OSSL_PKEY_RSA_PSS_SALT_LEN_MAX},
                            SaltRow{RSA_PSS_SALTLEN_AUTO, OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO}};

/// OpenSSL 3.2's name for which variant of EdDSA is meant: Ed25519ph and ctx are others.
constexpr const char* kInstance = "instance";

}  // namespace

void SignatureContext::set_padding(const OSSL_PARAM& param) {
  padding_ = row_meant(kPaddings, param).padding;
}

void SignatureContext::set_salt(const OSSL_PARAM& param) {
  if (!is_text(param)) {
    salt_ = number_of(param);
  } else {
    const std::string word = text_of(param);
    for (const SaltRow& row : kSalts)
      if (word == row.word) {
        salt_ = row.salt;
        return;
      }
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), salt_);
    if (error != std::errc() || end != word.data() + word.size()) bad_value(param, word);
  }
  if (salt_ < RSA_PSS_SALTLEN_MAX) bad_value(param, std::to_string(salt_));
}

void SignatureContext::set_params(const OSSL_PARAM params[]) {
  if (params == nullptr) return;
  if (kind_ == KeyKind::kEd25519) {
    const auto* p = OSSL_PARAM_locate_const(params, kInstance);
    if (p != nullptr && text_of(*p) != "Ed25519") bad_value(*p, text_of(*p));
    return;
  }
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST))
    set_digest(text_of(*p));
  if (kind_ != KeyKind::kRsa) return;
  if (const auto* p = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE))
    set_padding(*p);
  const auto* salt = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
  const auto* mgf1_digest = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
  if ((salt != nullptr || mgf1_digest != nullptr) && padding_ != RsaPadding::kPss)
    throw Error(Errc::kInvalidArgument, "a salt length and an MGF1 digest belong to PSS padding");
  if (salt != nullptr) set_salt(*salt);
  if (mgf1_digest != nullptr) mgf1_ = provider_.digests->find(text_of(*mgf1_digest));
}

void SignatureContext::get_padding(OSSL_PARAM& param) const {
  for (const PaddingRow& row : kPaddings)
    if (row.padding == padding_) return put_row(param, row);
}

void SignatureContext::get_salt(OSSL_PARAM& param) const {
  if (!is_text(param)) return put_number(param, salt_);
  for (const SaltRow& row : kSalts)
    if (row.salt == salt_) return put_word(param, row.word);
  put_word(param, std::to_string(salt_).c_str());
}

Bytes SignatureContext::algorithm_id() const {
  if (kind_ == KeyKind::kEd25519) return ed25519_algorithm();
  const Digest& hash = require_digest();
  if (kind_ == KeyKind::kEc) return ecdsa_algorithm(hash);
  if (padding_ == RsaPadding::kPkcs1) return rsa_pkcs1_algorithm(hash);
  return rsa_pss_algorithm(hash, mgf1(), salt_octets(salt_, hash, key().part.bits()));
}

void SignatureContext::get_params(OSSL_PARAM params[]) const {
  if (auto* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) {
    const Bytes der = algorithm_id();
    if (OSSL_PARAM_set_octet_string(p, der.data(), der.size()) != 1)
      bad_value(*p, "written into so small a buffer");
  }
  if (kind_ == KeyKind::kEd25519) return;
  if (auto* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST))
    put_word(*p, digest_ ? digest_->name() : "");
  if (kind_ != KeyKind::kRsa) return;
  if (auto* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) get_padding(*p);
  if (auto* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) get_salt(*p);
  if (auto* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST))
    put_word(*p, mgf1_ ? mgf1_->name() : digest_ ? digest_->name() : "");
}

}  // namespace poolkey::provider
