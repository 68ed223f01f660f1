#include "crypto/memo.h"
#include "crypto/csr.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "crypto/der_guard.h"
#include "crypto/foreign.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

using X509PubkeyPtr = std::unique_ptr<X509_PUBKEY, Free<X509_PUBKEY_free>>;

constexpr std::string_view kLabel = "CERTIFICATE REQUEST";

void add(STACK_OF(X509_EXTENSION) * list, ExtensionPtr extension) {
  if (sk_X509_EXTENSION_push(list, extension.get()) <= 0)
    throw_openssl(Errc::kInternal, "OpenSSL could not add an extension");
  static_cast<void>(extension.release());
}

/// What X509_REQ_set_pubkey would do, without its way through a provider's encoder.
void copy_public_key(const X509_PUBKEY* from, X509_PUBKEY* to) {
  ASN1_OBJECT* algorithm = nullptr;
  const unsigned char* bits = nullptr;
  int size = 0, parameter_type = V_ASN1_UNDEF;
  const void* parameter = nullptr;
  X509_ALGOR* whole = nullptr;
  X509_PUBKEY_get0_param(&algorithm, &bits, &size, &whole, from);
  X509_ALGOR_get0(nullptr, &parameter_type, &parameter, whole);
  // RSA has NULL here and EC the name of its curve; PublicKey takes nothing else.
  ASN1_OBJECT* curve = parameter_type == V_ASN1_OBJECT
                           ? OBJ_dup(static_cast<const ASN1_OBJECT*>(parameter))
                           : nullptr;
  void* copy = OPENSSL_memdup(bits, static_cast<std::size_t>(size));
  if (copy == nullptr || X509_PUBKEY_set0_param(to, OBJ_dup(algorithm), parameter_type, curve,
                                                static_cast<unsigned char*>(copy), size) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not put the public key into the request");
}

EvpMdCtx copy_of(const EvpMdCtx& prepared) {
  EvpMdCtx out(EVP_MD_CTX_new());
  if (!out || EVP_MD_CTX_copy_ex(out.get(), prepared.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not copy a context for signatures");
  return out;
}

/// Whether the request that was just written is signed: SEQUENCE { what is signed, algorithm, BIT
/// STRING }.
bool verifies(ByteView der, EVP_MD_CTX* verifier) {
  Element whole, to_be_signed, algorithm, signature;
  ByteView rest = der;
  if (!next_element(rest, whole) || !next_element(rest = whole.content, to_be_signed) ||
      !next_element(rest, algorithm) || !next_element(rest, signature) || signature.content.empty())
    return false;
  const ErrorMark mark;
  const ByteView bits = signature.content.subspan(1);  // behind the number of unused ones
  return EVP_DigestVerify(verifier, bits.data(), bits.size(), to_be_signed.whole.data(),
                          to_be_signed.whole.size()) == 1;
}

ExtensionStackPtr requested_extensions(const X509_REQ* request) {
  int lists = 0;
  for (const int nid : {NID_ext_req, NID_ms_ext_req})
    for (int at = X509_REQ_get_attr_by_NID(request, nid, -1); at >= 0;
         at = X509_REQ_get_attr_by_NID(request, nid, at))
      lists += std::max(1, X509_ATTRIBUTE_count(X509_REQ_get_attr(request, at)));
  // OpenSSL reads the first list only; a CA may read another.
  if (lists > 1) throw Error(Errc::kCorrupt, "the request has more than one list of extensions");
  const ErrorMark mark;
  ExtensionStackPtr list(X509_REQ_get_extensions(const_cast<X509_REQ*>(request)));
  if (!list && lists == 1)
    throw Error(Errc::kCorrupt, "the extensions of the request do not decode");
  return list;
}

}  // namespace

struct CsrSigner::State {
  /// To be copied for each request: making them anew costs more than a check, and half of what
  /// EVP_DigestSign costs by P-256.
  struct Contexts {
    EvpMdCtx sign, verify;
  };

  EVP_PKEY* key;
  OSSL_LIB_CTX* libctx;
  PublicKey software;        ///< the copy that verifies; its encoding is ours
  std::shared_ptr<const X509_PUBKEY> public_key;  ///< the same, as requests hold it
  std::mutex mutex{};
  std::map<std::string, Contexts> contexts{};  ///< by digest; never removed

  const Contexts& contexts_for(const std::string& hash) {
    const std::lock_guard hold(mutex);
    const auto found = contexts.find(hash);
    if (found != contexts.end()) return found->second;
    Contexts made{signing_context(key, hash, libctx), verifying_context(software.evp(), hash)};
    return contexts.emplace(hash, std::move(made)).first->second;
  }
};

CsrSigner::CsrSigner(EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  // Never freed: OpenSSL has cleaned up before the process's own objects go.
  static auto& known = *new Memo<std::shared_ptr<const X509_PUBKEY>>;
  PublicKey software = PublicKey::from_evp(key);
  auto copy = known.get(software.spki_der(), [&]() -> std::shared_ptr<const X509_PUBKEY> {
    return from_der<X509PubkeyPtr, d2i_X509_PUBKEY>(software.spki_der());
  });
  state_ = std::make_unique<State>(key, libctx, std::move(software), std::move(copy));
}
CsrSigner::CsrSigner(CsrSigner&&) noexcept = default;
CsrSigner::~CsrSigner() = default;

Bytes CsrSigner::sign(const CsrSpec& spec, SelfCheck check) const {
  const auto& contexts = state_->contexts_for(spec.hash);
  Bytes der = sign_with(copy_of(contexts.sign).get(), spec);
  const bool wanted = check == SelfCheck::kAlways ||
                      (check == SelfCheck::kWhereFaultsTell && state_->software.is_rsa());
  if (wanted && !verifies(der, copy_of(contexts.verify).get()))
    throw Error(Errc::kInternal,
                "the certificate request was signed, but its signature does not verify with the "
                "public key; the key handle and the public key do not belong together");
  return der;
}

Bytes CsrSigner::sign_with(EVP_MD_CTX* context, const CsrSpec& spec) const {
  const X509NamePtr subject = make_name(spec.subject);
  const ExtensionStackPtr extensions(sk_X509_EXTENSION_new_null());
  const X509ReqPtr request(X509_REQ_new());
  if (!request || !extensions || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), subject.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not build the request");
  copy_public_key(state_->public_key.get(), X509_REQ_get_X509_PUBKEY(request.get()));
  if (!spec.dns_sans.empty())
    add(extensions.get(), san_extension(spec.dns_sans, spec.subject.empty()));
  if (!spec.key_usage.empty()) add(extensions.get(), key_usage_extension(spec.key_usage));
  if (!spec.extended_key_usage.empty())
    add(extensions.get(), extended_key_usage_extension(spec.extended_key_usage));
  add_template(extensions.get(), spec.adcs_template);
  if (sk_X509_EXTENSION_num(extensions.get()) > 0 &&
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not add the extensions");
  if (X509_REQ_sign_ctx(request.get(), context) <= 0)
    throw_openssl(Errc::kInternal, "the key did not sign the certificate request");
  return to_der<i2d_X509_REQ>(request.get());
}

Bytes build_csr(const CsrSpec& spec, EVP_PKEY* key, OSSL_LIB_CTX* libctx) {
  return CsrSigner(key, libctx).sign(spec, SelfCheck::kAlways);
}

ParsedCsr parse_csr(ByteView file) {
  Bytes der = csr_der(file);
  const auto request = from_der<X509ReqPtr, d2i_X509_REQ>(der);
  if (!request) throw Error(Errc::kCorrupt, "the octets are not one PKCS#10 certificate request");
  // RFC 2986 4.1: 0 means version 1, and there is no other.
  if (const long version = X509_REQ_get_version(request.get()); version != X509_REQ_VERSION_1)
    throw Error(Errc::kUnsupported, "the certificate request says version " +
                                        std::to_string(version + 1) + "; there is only 1");
  check_name_size(X509_REQ_get_subject_name(request.get()));
  const ASN1_BIT_STRING* signature = nullptr;
  const X509_ALGOR* algorithm = nullptr;
  X509_REQ_get0_signature(request.get(), &signature, &algorithm);
  const ExtensionStackPtr list = requested_extensions(request.get());
  ParsedCsr out{read_content(X509_REQ_get_subject_name(request.get()), list.get(),
                             X509_REQ_get_X509_PUBKEY(request.get()), algorithm),
                std::move(der), {}, false};
  const ErrorMark mark;
  out.adcs_template = read_template(list.get());
  out.signature_valid = X509_REQ_verify(request.get(), out.public_key.evp()) == 1;
  return out;
}

std::string csr_pem(ByteView der) { return pem_block(kLabel, der); }

Bytes csr_der(ByteView file) {
  std::vector<ForeignItem> items = read_foreign(file, "a certificate request");
  const auto is_request = [](const ForeignItem& item) { return item.kind == Kind::kRequest; };
  const auto requests = std::ranges::count_if(items, is_request);
  if (requests == 0)
    throw Error(Errc::kCorrupt,
                "a certificate request is wanted, and this is " + what_instead(items));
  if (requests > 1)
    throw Error(Errc::kCorrupt, "the file holds " + std::to_string(requests) +
                                    " certificate requests, and one is read; give a file to each");
  ForeignItem& item = *std::ranges::find_if(items, is_request);
  check_der(item.content, "the certificate request" + item.where, Encoding::kDer, kMaxDocument);
  return std::move(item.content);
}

}  // namespace poolkey::crypto
