#include "crypto/cms.h"

#include <algorithm>
#include <array>

#include "crypto/der_guard.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto::cms {
namespace {

constexpr std::array kDigests{NID_sha256, NID_sha384, NID_sha512};

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Errc::kCorrupt, "the signed document is refused: " + why);
}

/// Everything of the document, its certificates too, lives in `libctx`.
CmsPtr parse_signed_data(ByteView der, OSSL_LIB_CTX* libctx = nullptr,
                         const char* properties = nullptr) {
  if (der.empty() || der[0] != kSequence) refuse("it is no CMS SignedData");
  check_der(der, "the signed document", Encoding::kDer, kMaxDer);
  const ErrorMark mark;
  CmsPtr cms(CMS_ContentInfo_new_ex(libctx, properties));
  const unsigned char* at = der.data();
  CMS_ContentInfo* into = cms.release();  // freed by d2i where it fails
  if (into != nullptr) cms.reset(d2i_CMS_ContentInfo(&into, &at, static_cast<long>(der.size())));
  if (!cms || at != der.data() + der.size() ||
      OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed)
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

namespace {

/// A document whose form is as it should be, and its one signer's certificate, not yet believed.
struct Opened {
  CmsPtr cms;
  CMS_SignerInfo* info = nullptr;
  X509StackPtr certificates;
  X509* signer = nullptr;
};

Opened open_signed(CmsPtr cms, std::string_view content_type_oid) {
  Opened out;
  out.cms = std::move(cms);
  out.info = only_signer(out.cms.get());
  check_content_type(out.cms.get(), out.info, content_type_oid);
  check_digest(out.info);
  out.certificates.reset(CMS_get1_certs(out.cms.get()));
  for (int i = 0; out.certificates && i < sk_X509_num(out.certificates.get()); ++i) {
    X509* certificate = sk_X509_value(out.certificates.get(), i);
    if (CMS_SignerInfo_cert_cmp(out.info, certificate) == 0) out.signer = certificate;
  }
  if (out.signer == nullptr) refuse("it does not carry its signer's certificate");
  return out;
}

void check_role(const std::string& subject, const std::vector<std::string>& roles,
                std::string_view required_eku) {
  if (!required_eku.empty() && std::ranges::find(roles, required_eku) == roles.end())
    refuse("'" + subject + "' may not sign such documents (its certificate lacks " +
           "the extended key usage " + std::string(required_eku) + ")");
}

/// The content, if `signer` signed it.
Bytes signed_content(const Opened& opened, X509* signer) {
  // From here the certificate is the one that was checked, whatever else the document carries.
  CMS_SignerInfo_set1_signer_cert(opened.info, signer);
  const BioPtr out(BIO_new(BIO_s_mem()));
  if (!out) throw_openssl(Errc::kInternal, "OpenSSL could not make a memory BIO");
  if (CMS_verify(opened.cms.get(), nullptr, nullptr, nullptr, out.get(),
                 CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_NOCRL) != 1)
    refuse("its content was tampered with: digest or signature is not as signed by '" +
           name_text(X509_get_subject_name(signer)) + "'");
  return bio_bytes(out.get());
}

/// Runs a check of a chain; its sentence becomes part of ours.
template <class Check>
void check_chain(Check&& check) {
  try {
    check();
  } catch (const Error& error) {
    refuse(std::string("it was signed by a stranger: ") + error.what());
  }
}

}  // namespace

SignedContent verify(ByteView der, std::string_view content_type_oid, const Certificate& root,
                     std::string_view required_eku) {
  const ErrorMark mark;
  const Opened opened = open_signed(parse_signed_data(der), content_type_oid);
  const Certificate signer = Certificate::from_der(to_der<i2d_X509>(opened.signer));
  check_chain([&] { verify_chain(signer, embedded(opened.cms.get()), root, std::nullopt); });
  check_role(signer.subject(), signer.extended_key_usage(), required_eku);
  return {signed_content(opened, signer.x509()), signer};
}

Bytes verify_in(OSSL_LIB_CTX* libctx, const char* properties, ByteView der,
                std::string_view content_type_oid, std::string_view root_pem,
                std::string_view required_eku) {
  const ErrorMark mark;
  const Opened opened = open_signed(parse_signed_data(der, libctx, properties), content_type_oid);
  const std::vector<Bytes> roots = pem_blocks(root_pem, {"CERTIFICATE"});
  X509Ptr root(X509_new_ex(libctx, properties));
  if (!root || roots.size() != 1) refuse("the pinned root is not one certificate");
  X509* into = root.release();  // freed by d2i where it fails
  const unsigned char* at = roots.front().data();
  root.reset(d2i_X509(&into, &at, static_cast<long>(roots.front().size())));
  if (!root) refuse("the pinned root is no certificate");
  check_chain([&] {
    check_chain_to(opened.signer, opened.certificates.get(), root.get(), std::nullopt, libctx,
                   properties);
  });
  check_role(name_text(X509_get_subject_name(opened.signer)),
             read_extensions(X509_get0_extensions(opened.signer)).extended_key_usage, required_eku);
  return signed_content(opened, opened.signer);
}

}  // namespace poolkey::crypto::cms
