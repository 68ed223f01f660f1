#include "crypto/csr.h"
#include "crypto/der_guard.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

/// "sha256WithRSAEncryption", as algorithm_name() gives it for what CsrSigner signs.
std::string signature_name(const PublicKey& key, const std::string& hash) {
  int signature = EVP_PKEY_get_base_id(key.evp());  // of Ed25519 it is the same OID
  if (key.is_rsa() || key.is_ec())
    OBJ_find_sigid_by_algs(&signature, EVP_MD_get_type(EVP_get_digestbyname(hash.c_str())),
                           signature);
  return algorithm_name(OBJ_nid2obj(signature));
}

/// The AlgorithmIdentifier that an SPKI begins with.
Bytes key_algorithm(ByteView spki) {
  Element whole, algorithm;
  if (!next_element(spki, whole) || !next_element(whole.content, algorithm))
    throw Error(Errc::kInternal, "a public key of ours has no algorithm");
  return {algorithm.whole.begin(), algorithm.whole.end()};
}

}  // namespace

std::string subject_text(const DistinguishedName& subject) {
  return name_text(make_name(subject).get());
}

ParsedCsr draft_csr(const CsrSpec& spec, const PublicKey& key) {
  const X509NamePtr subject = make_name(spec.subject);
  X509Content content(key);
  content.subject = name_text(subject.get());
  content.attributes = name_attributes(subject.get());
  content.name = spec.subject;
  content.common_names = name_values(subject.get(), NID_commonName);
  content.organizational_units = name_values(subject.get(), NID_organizationalUnitName);
  content.sans.dns = spec.dns_sans;
  content.has_san = !spec.dns_sans.empty();
  content.san_critical = content.has_san && spec.subject.empty();
  content.extended_key_usage = spec.extended_key_usage;
  if (!spec.key_usage.empty()) content.key_usage = spec.key_usage;
  content.key_usage_critical = !spec.key_usage.empty();
  content.key_algorithm = key_algorithm(key.spki_der());
  content.signature_algorithm = signature_name(key, spec.hash);
  ParsedCsr out{std::move(content), {}, spec.adcs_template, true};
  return out;
}

}  // namespace poolkey::crypto
