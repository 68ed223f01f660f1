#include "crypto/tls_client.h"

#include <openssl/ssl.h>

#include <algorithm>

namespace poolkey::crypto {
namespace {

/// The certificate that the server sent and that has this SHA-256.
X509* sent_with(X509_STORE_CTX* found, const Bytes& sha256) {
  STACK_OF(X509)* sent = X509_STORE_CTX_get0_untrusted(found);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* one = sk_X509_value(sent, i);
    Bytes digest(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    if (X509_digest(one, EVP_sha256(), digest.data(), &size) != 1) continue;
    digest.resize(size);
    if (digest == sha256) return one;
  }
  return nullptr;
}

std::string subject_of(X509* certificate) {
  if (certificate == nullptr) return "";
  const BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0,
                     XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB);
  const Bytes text = bio_bytes(out.get());
  return " ('" + std::string(text.begin(), text.end()) + "')";
}

}  // namespace

std::shared_ptr<evp_pkey_st> shared_key(EvpPkey key) {
  return {key.release(), Free<EVP_PKEY_free>()};
}

TlsClient::TlsClient(TlsClientSpec spec) : spec_(std::move(spec)) {
  if (spec_.roots.empty() && spec_.pinned_root.size() != 32)
    throw Error(Errc::kInvalidArgument, "a TLS client needs roots, or the SHA-256 of one");
  if (spec_.chain.empty()) return;
  const ErrorMark mark;
  if (!spec_.key || !(PublicKey::from_evp(spec_.key.get()) == spec_.chain.front().public_key()))
    throw Error(Errc::kInvalidArgument, "the TLS client's key is not that of its certificate '" +
                                            spec_.chain.front().subject() + "'");
}

void TlsClient::configure(ssl_ctx_st* context) {
  const auto must = [](bool done) {
    if (!done) throw_openssl(Errc::kInternal, "OpenSSL does not set up a TLS client");
  };
  X509StorePtr store(X509_STORE_new());
  must(store != nullptr);
  for (const Certificate& root : spec_.roots)
    must(X509_STORE_add_cert(store.get(), root.x509()) == 1);
  SSL_CTX_set_cert_store(context, store.release());
  must(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(context, verify, this);
  if (spec_.chain.empty()) return;
  // A copy: comparing leaves our key's provider in the certificate's public key, and Certificates
  // are kept beyond the provider's life.
  const X509Ptr leaf = from_der<X509Ptr, d2i_X509>(spec_.chain.front().der());
  must(leaf && SSL_CTX_use_certificate(context, leaf.get()) == 1);
  for (std::size_t i = 1; i < spec_.chain.size(); ++i)
    must(SSL_CTX_add1_chain_cert(context, spec_.chain[i].x509()) == 1);
  must(SSL_CTX_use_PrivateKey(context, spec_.key.get()) == 1);
}

int TlsClient::verify(x509_store_ctx_st* found, void* self) {
  return static_cast<TlsClient*>(self)->believe(found) ? 1 : 0;
}

bool TlsClient::believe(x509_store_ctx_st* found) {
  distrust_.clear();
  // libcurl also believes a chain that ends below a root.
  X509_VERIFY_PARAM_clear_flags(X509_STORE_CTX_get0_param(found), X509_V_FLAG_PARTIAL_CHAIN);
  X509StackPtr trusted;
  if (spec_.roots.empty()) {
    X509* root = sent_with(found, spec_.pinned_root);
    if (root == nullptr) {
      X509_STORE_CTX_set_error(found, X509_V_ERR_CERT_UNTRUSTED);
      distrust_ = "the server does not show the root with the SHA-256 that was given";
      return false;
    }
    trusted.reset(sk_X509_new_null());
    if (!trusted || X509_up_ref(root) != 1) return false;
    if (sk_X509_push(trusted.get(), root) == 0) return X509_free(root), false;
    X509_STORE_CTX_set0_trusted_stack(found, trusted.get());
  }
  const bool good = X509_verify_cert(found) == 1;
  if (!good)
    distrust_ = std::string(X509_verify_cert_error_string(X509_STORE_CTX_get_error(found))) +
                subject_of(X509_STORE_CTX_get_current_cert(found));
  X509_STORE_CTX_set0_trusted_stack(found, nullptr);
  return good;
}

}  // namespace poolkey::crypto
