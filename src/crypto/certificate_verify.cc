#include "crypto/certificate.h"
#include "crypto/memo.h"
#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

bool is_date(int reason) {
  return reason == X509_V_ERR_CERT_HAS_EXPIRED || reason == X509_V_ERR_CERT_NOT_YET_VALID;
}

/// The certificate that the failure is about, as a person knows it.
std::string culprit(X509_STORE_CTX* ctx, const Certificate& leaf) {
  X509* current = X509_STORE_CTX_get_current_cert(ctx);
  if (current == nullptr || X509_cmp(current, leaf.x509()) == 0) return "itself";
  return "'" + Certificate::from_der(to_der<i2d_X509>(current)).subject() + "'";
}

void verify(const Certificate& leaf, const std::vector<Certificate>& intermediates,
            const Certificate& root, std::optional<Time> at) {
  const X509StorePtr store(X509_STORE_new());
  const X509StackPtr untrusted(sk_X509_new_null());
  const X509StoreCtxPtr ctx(X509_STORE_CTX_new());
  if (!store || !untrusted || !ctx || X509_STORE_add_cert(store.get(), root.x509()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  for (const Certificate& certificate : intermediates)
    if (X509_add_cert(untrusted.get(), certificate.x509(), X509_ADD_FLAG_UP_REF) != 1)
      throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  if (X509_STORE_CTX_init(ctx.get(), store.get(), leaf.x509(), untrusted.get()) != 1)
    throw_openssl(Errc::kInternal, "OpenSSL could not prepare a chain");
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(ctx.get());
  if (at)
    X509_VERIFY_PARAM_set_time(param, std::chrono::system_clock::to_time_t(*at));
  else
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_NO_CHECK_TIME);
  const ErrorMark mark;
  if (X509_verify_cert(ctx.get()) == 1) return;
  const int reason = X509_STORE_CTX_get_error(ctx.get());
  std::string sentence = "the certificate '" + leaf.subject() +
                         "' does not chain to the pinned root '" + root.subject() + "' (SHA-256 " +
                         hex(root.sha256()) + "): for " + culprit(ctx.get(), leaf) + ", " +
                         X509_verify_cert_error_string(reason);
  if (at && is_date(reason)) sentence += " at " + rfc3339(*at);
  throw Error(is_date(reason) ? Errc::kInvalidArgument : Errc::kCorrupt, sentence);
}

}  // namespace

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
