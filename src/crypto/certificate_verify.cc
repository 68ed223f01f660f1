#include "crypto/certificate.h"
#include "crypto/memo.h"
#include "crypto/openssl.h"
#include "crypto/x509_parts.h"

namespace poolkey::crypto {
namespace {

bool is_date(int reason) {
  return reason == X509_V_ERR_CERT_HAS_EXPIRED || reason == X509_V_ERR_CERT_NOT_YET_VALID;
}

/// The certificate that the failure is about, as a person knows it.
std::string culprit(X509_STORE_CTX* ctx, const X509* leaf) {
  const X509* current = X509_STORE_CTX_get_current_cert(ctx);
  if (current == nullptr || X509_cmp(current, leaf) == 0) return "itself";
  return "'" + name_text(X509_get_subject_name(current)) + "'";
}

X509StackPtr stack_of(const std::vector<Certificate>& certificates) {
  X509StackPtr out(sk_X509_new_null());
  if (!out) throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  for (const Certificate& certificate : certificates)
    if (X509_add_cert(out.get(), certificate.x509(), X509_ADD_FLAG_UP_REF) != 1)
      throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  return out;
}

void set_time(X509_STORE_CTX* ctx, std::optional<Time> at) {
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx);
  if (at)
    X509_VERIFY_PARAM_set_time(param, std::chrono::system_clock::to_time_t(*at));
  else
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
}

/// After a chain was found wanting.
[[noreturn]] void throw_unchained(X509_STORE_CTX* ctx, X509* leaf, const std::string& to,
                                  std::optional<Time> at) {
  const int reason = X509_STORE_CTX_get_error(ctx);
  std::string sentence = "the certificate '" + name_text(X509_get_subject_name(leaf)) +
                         "' does not chain to " + to + ": for " + culprit(ctx, leaf) + ", " +
                         X509_verify_cert_error_string(reason);
  const X509* current = X509_STORE_CTX_get_current_cert(ctx);
  if (reason == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY && current != nullptr)
    sentence += " ('" + name_text(X509_get_issuer_name(current)) + "')";
  if (at && is_date(reason)) sentence += " at " + rfc3339(*at);
  throw Error(is_date(reason) ? Errc::kInvalidArgument : Errc::kCorrupt, sentence);
}

void verify(const Certificate& leaf, const std::vector<Certificate>& intermediates,
            const Certificate& root, std::optional<Time> at) {
  const X509StackPtr untrusted = stack_of(intermediates);
  check_chain_to(leaf.x509(), untrusted.get(), root.x509(), at, nullptr, nullptr);
}

}  // namespace

void check_chain_to(X509* leaf, STACK_OF(X509) * untrusted, X509* root, std::optional<Time> at,
                    OSSL_LIB_CTX* libctx, const char* properties) {
  const X509StorePtr store(X509_STORE_new());
  const X509StoreCtxPtr ctx(X509_STORE_CTX_new_ex(libctx, properties));
  if (!store || !ctx || X509_STORE_add_cert(store.get(), root) != 1 ||
      X509_STORE_CTX_init(ctx.get(), store.get(), leaf, untrusted) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  set_time(ctx.get(), at);
  const ErrorMark mark;
  if (X509_verify_cert(ctx.get()) == 1) return;
  Bytes fingerprint(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  X509_digest(root, EVP_sha256(), fingerprint.data(), &size);
  throw_unchained(ctx.get(), leaf,
                  "the pinned root '" + name_text(X509_get_subject_name(root)) + "' (SHA-256 " +
                      hex(ByteView(fingerprint).first(size)) + ")",
                  at);
}

std::vector<Certificate> chain_of(const Certificate& leaf,
                                  const std::vector<Certificate>& intermediates,
                                  const std::vector<Certificate>& roots, std::optional<Time> at) {
  const X509StackPtr untrusted = stack_of(intermediates);
  const X509StackPtr trusted = stack_of(roots);
  const X509StoreCtxPtr ctx(X509_STORE_CTX_new());
  if (!ctx || X509_STORE_CTX_init(ctx.get(), nullptr, leaf.x509(), untrusted.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  X509_STORE_CTX_set0_trusted_stack(ctx.get(), trusted.get());
  set_time(ctx.get(), at);
  const ErrorMark mark;
  if (X509_verify_cert(ctx.get()) != 1)
    throw_unchained(ctx.get(), leaf.x509(), "a root that is trusted here", at);
  std::vector<Certificate> out;
  const STACK_OF(X509)* found = X509_STORE_CTX_get0_chain(ctx.get());
  for (int i = 1; i < sk_X509_num(found); ++i)
    out.push_back(Certificate::from_der(to_der<i2d_X509>(sk_X509_value(found, i))));
  return out;
}

void verify_chain(const Certificate& leaf, const std::vector<Certificate>& intermediates,
                  const Certificate& root, std::optional<Time> at) {
  if (at) return verify(leaf, intermediates, root, at);
  // Without a clock the answer depends on the certificates alone, and the documents of one verb all
  // come from one signer. Only a yes is kept: a refusal throws.
  static auto& good = *new Memo<bool>;  // never destroyed, as other memos
  Bytes all = leaf.sha256();
  for (const Certificate& certificate : intermediates) {
    const Bytes digest = certificate.sha256();
    all.insert(all.end(), digest.begin(), digest.end());
  }
  const Bytes anchor = root.sha256();
  all.insert(all.end(), anchor.begin(), anchor.end());
  (void)good.get(all, [&] {
    verify(leaf, intermediates, root, at);
    return true;
  });
}

}  // namespace poolkey::crypto
