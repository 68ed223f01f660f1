#include "crypto/cms.h"

#include <algorithm>
#include <array>

#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto::cms {
namespace {

constexpr std::array kDigests{NID_sha256, NID_sha384, NID_sha512};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::kCorrupt, "the signed document is refused: " + why);
}

CmsPtr parse_signed_data(ByteView der) {
  auto cms = from_der<CmsPtr, d2i_CMS_ContentInfo>(der);
  if (!cms || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed)
    refuse("it is no CMS SignedData");
  return cms;
}

/// The one signer; a second one would leave open who vouches for what.
CMS_SignerInfo* only_signer(CMS_ContentInfo* cms) {
  STACK_OF(CMS_SignerInfo)* signers = CMS_get0_SignerInfos(cms);
  const int count = signers == nullptr ? 0 : sk_CMS_SignerInfo_num(signers);
  if (count != 1) refuse("it has " + std::to_string(count) + " signers, not one");
  return sk_CMS_SignerInfo_value(signers, 0);
}

std::vector<Certificate> embedded(CMS_ContentInfo* cms) {
  const X509StackPtr stack(CMS_get1_certs(cms));
  std::vector<Certificate> out;
  for (int i = 0; stack && i < sk_X509_num(stack.get()); ++i)
    out.push_back(Certificate::from_der(to_der<i2d_X509>(sk_X509_value(stack.get(), i))));
  return out;
}

/// RFC 5652 5.6 leaves the comparison of the signed content-type attribute to the application.
/// Without it the type of a document could be changed after signing, since the digest covers the
/// content alone.
void check_content_type(CMS_ContentInfo* cms, CMS_SignerInfo* signer, std::string_view wanted) {
  const Asn1ObjectPtr oid = make_oid(wanted);
  const ASN1_OBJECT* outer = CMS_get0_eContentType(cms);
  if (outer == nullptr || OBJ_cmp(outer, oid.get()) != 0)
    refuse("its content type is " + (outer == nullptr ? "missing" : oid_text(outer)) +
           ", and a document of type " + std::string(wanted) + " is wanted here");
  constexpr int kExactlyOne = -3;
  const auto* attribute = static_cast<const ASN1_OBJECT*>(CMS_signed_get0_data_by_OBJ(
      signer, OBJ_nid2obj(NID_pkcs9_contentType), kExactlyOne, V_ASN1_OBJECT));
  if (attribute == nullptr || OBJ_cmp(attribute, oid.get()) != 0)
    refuse("the content type was not signed with it, so it was tampered with");
}

void check_digest(CMS_SignerInfo* signer) {
  X509_ALGOR* algorithm = nullptr;
  const ASN1_OBJECT* oid = nullptr;
  CMS_SignerInfo_get0_algs(signer, nullptr, nullptr, &algorithm, nullptr);
  X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
  if (std::ranges::find(kDigests, OBJ_obj2nid(oid)) == kDigests.end())
    refuse("it is signed with " + algorithm_name(oid) + ", not with SHA-256, SHA-384 or SHA-512");
}

}  // namespace

Signer::Signer(Certificate signer, EVP_PKEY* key, std::vector<Certificate> chain,
               OSSL_LIB_CTX* libctx)
    : signer_(std::move(signer)),
      own_(crypto::from_der<X509Ptr, d2i_X509>(signer_.der())),
      key_(key),
      chain_(std::move(chain)),
      libctx_(libctx) {
  if (PublicKey::from_evp(key_) != signer_.public_key())
    throw Error(Errc::kInvalidArgument,
                "the signing key is not the key of '" + signer_.subject() + "'");
}

Bytes Signer::sign(ByteView content, std::string_view content_type_oid) const {
  const Asn1ObjectPtr type = make_oid(content_type_oid);
  constexpr unsigned int kFlags = CMS_BINARY | CMS_PARTIAL | CMS_NOSMIMECAP;
  const CmsPtr cms(CMS_sign_ex(nullptr, nullptr, nullptr, nullptr, kFlags, libctx_, nullptr));
  const BioPtr data = memory_bio(content);
  if (!cms || CMS_set1_eContentType(cms.get(), type.get()) != 1 ||
      CMS_add1_signer(cms.get(), own_.get(), key_, EVP_sha256(), kFlags) == nullptr)
    throw_openssl(Errc::kInternal, "OpenSSL could not prepare a signed document");
  for (const Certificate& certificate : chain_) {
    if (certificate == signer_) continue;
    if (CMS_add1_cert(cms.get(), certificate.x509()) != 1)
      throw_openssl(Errc::kInternal, "OpenSSL could not add a certificate to a signed document");
  }
  if (CMS_final(cms.get(), data.get(), nullptr, kFlags) != 1)
    throw_openssl(Errc::kInternal, "the key of '" + signer_.subject() + "' did not sign");
  return to_der<i2d_CMS_ContentInfo>(cms.get());
}

Bytes sign(ByteView content, std::string_view content_type_oid, const Certificate& signer,
           EVP_PKEY* key, const std::vector<Certificate>& chain, OSSL_LIB_CTX* libctx) {
  return Signer(signer, key, chain, libctx).sign(content, content_type_oid);
}

std::vector<Certificate> carried_certificates(ByteView der) {
  return embedded(parse_signed_data(der).get());
}

SignedContent verify(ByteView der, std::string_view content_type_oid, const Certificate& root,
                     std::string_view required_eku) {
  const CmsPtr cms = parse_signed_data(der);
  const ErrorMark mark;
  CMS_SignerInfo* info = only_signer(cms.get());
  check_content_type(cms.get(), info, content_type_oid);
  check_digest(info);
  const std::vector<Certificate> certificates = embedded(cms.get());
  const auto signer = std::ranges::find_if(certificates, [&](const Certificate& c) {
    return CMS_SignerInfo_cert_cmp(info, c.x509()) == 0;
  });
  if (signer == certificates.end()) refuse("it does not carry its signer's certificate");
  try {
    verify_chain(*signer, certificates, root, std::nullopt);
  } catch (const Error& error) {
    refuse(std::string("it was signed by a stranger: ") + error.what());
  }
  if (!required_eku.empty() && !signer->has_extended_key_usage(required_eku))
    refuse("'" + signer->subject() + "' may not sign such documents (its certificate lacks " +
           "the extended key usage " + std::string(required_eku) + ")");
  // From here the certificate is the one that was checked, whatever else the document carries.
  CMS_SignerInfo_set1_signer_cert(info, signer->x509());
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out) throw_openssl(Errc::kInternal, "OpenSSL could not make a memory BIO");
  if (CMS_verify(cms.get(), nullptr, nullptr, nullptr, out.get(),
                 CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOCRL) != 1)
    refuse("its content was tampered with: digest or signature is not as signed by '" +
           signer->subject() + "'");
  return {bio_bytes(out.get()), *signer};
}

}  // namespace poolkey::crypto::cms
