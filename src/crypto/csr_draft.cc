#include "crypto/csr.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

/// "sha256WithRSAEncryption", as algorithm_name() gives it for what CsrSigner signs.
std::string signature_name(const PublicKey& key, const std::string& hash) {
  int signature = NID_undef;
  const int key_type = EVP_PKEY_get_base_id(key.evp());
  const int digest = EVP_MD_get_type(EVP_get_digestbyname(hash.c_str()));
  if (OBJ_find_sigid_by_algs(&signature, digest, key_type) != 1) return key.algorithm();
  return algorithm_name(OBJ_nid2obj(signature));
}

}  // namespace

std::string subject_text(const DistinguishedName& subject) {
  return name_text(make_name(subject).get());
}

ParsedCsr draft_csr(const CsrSpec& spec, const PublicKey& key) {
  const X509NamePtr subject = make_name(spec.subject);
  return {.der = {},
          .subject = name_text(subject.get()),
          .name = spec.subject,
          .common_names = name_values(subject.get(), NID_commonName),
          .organizational_units = name_values(subject.get(), NID_organizationalUnitName),
          .sans = {.dns = spec.dns_sans, .ip = {}, .email = {}, .uri = {}},
          .has_san = !spec.dns_sans.empty(),
          .san_critical = !spec.dns_sans.empty() && spec.subject.empty(),
          .extended_key_usage = spec.extended_key_usage,
          .eku_critical = false,
          .key_usage = spec.key_usage.empty() ? std::nullopt : std::optional(spec.key_usage),
          .is_ca = false,
          .public_key = key,
          .signature_algorithm = signature_name(key, spec.hash),
          .signature_valid = true};
}

}  // namespace poolkey::crypto
