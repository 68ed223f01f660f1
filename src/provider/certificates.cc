#include "provider/certificates.h"

#include <algorithm>

#include "provider/public_part.h"

namespace poolkey::provider {
namespace {

constexpr std::size_t kMaxChain = 10;

/// Null for what is no certificate. Never in the default context: reading one decodes its key.
crypto::X509Ptr decoded(const Bytes& der, OSSL_LIB_CTX* libctx) {
  const crypto::ErrorMark mark;
  X509* into = X509_new_ex(libctx, kOthers);  // freed by d2i where it fails
  const unsigned char* at = der.data();
  if (into == nullptr) return {};
  return crypto::X509Ptr(d2i_X509(&into, &at, static_cast<long>(der.size())));
}

bool is_name(const X509_NAME* name, const std::optional<Bytes>& wanted) {
  return !wanted || crypto::to_der<i2d_X509_NAME>(name) == *wanted;
}

bool is_serial(const X509* certificate, const std::optional<Bytes>& wanted) {
  if (!wanted) return true;
  const crypto::BnPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number || BN_is_negative(number.get()) == 1) return false;
  Bytes have(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), have.data());
  return have == *wanted;
}

bool is_fingerprint(const Bytes& der, const CertificateSearch& search, OSSL_LIB_CTX* libctx) {
  if (!search.fingerprint) return true;
  const std::string name = search.digest.empty() ? "SHA1" : search.digest;
  const crypto::EvpMd md(EVP_MD_fetch(libctx, name.c_str(), kOthers));
  Bytes have(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  if (!md || EVP_Digest(der.data(), der.size(), have.data(), &size, md.get(), nullptr) != 1)
    return false;
  have.resize(size);
  return have == *search.fingerprint;
}

struct Decoded {
  Bytes der;
  crypto::X509Ptr x509;
};

bool is_newer(const Decoded& a, const Decoded& b) {
  if (!a.x509 || !b.x509) return a.x509 && !b.x509;
  return ASN1_TIME_compare(X509_get0_notBefore(a.x509.get()), X509_get0_notBefore(b.x509.get())) >
         0;
}

}  // namespace

bool matches(const CertificateSearch& search, const Bytes& certificate, OSSL_LIB_CTX* libctx) {
  const crypto::X509Ptr x509 = decoded(certificate, libctx);
  return x509 && is_name(X509_get_subject_name(x509.get()), search.subject) &&
         is_name(X509_get_issuer_name(x509.get()), search.issuer) &&
         is_serial(x509.get(), search.serial) && is_fingerprint(certificate, search, libctx);
}

std::vector<Bytes> with_chain(std::vector<Bytes> leaves, const std::vector<Bytes>& all,
                              OSSL_LIB_CTX* libctx) {
  std::vector<Decoded> newest_first, issuers;
  for (Bytes& der : leaves) {
    crypto::X509Ptr x509 = decoded(der, libctx);
    newest_first.push_back({std::move(der), std::move(x509)});
  }
  std::stable_sort(newest_first.begin(), newest_first.end(), is_newer);
  for (const Bytes& der : all)
    if (crypto::X509Ptr x509 = decoded(der, libctx)) issuers.push_back({der, std::move(x509)});
  std::stable_sort(issuers.begin(), issuers.end(), is_newer);

  std::vector<Bytes> out;
  const auto add = [&out](const Bytes& der) {
    const bool is_new = std::ranges::find(out, der) == out.end();
    if (is_new) out.push_back(der);
    return is_new;
  };
  if (!newest_first.empty()) add(newest_first.front().der);
  X509* at = newest_first.empty() ? nullptr : newest_first.front().x509.get();
  const crypto::ErrorMark mark;
  while (at != nullptr && out.size() < kMaxChain) {
    const auto issuer = std::ranges::find_if(issuers, [&](const Decoded& one) {
      return X509_check_issued(one.x509.get(), at) == X509_V_OK;
    });
    at = issuer != issuers.end() && add(issuer->der) ? issuer->x509.get() : nullptr;
  }
  for (const Decoded& leaf : newest_first) add(leaf.der);
  return out;
}

}  // namespace poolkey::provider
