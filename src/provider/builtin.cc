#include "provider/builtin.h"

#include <openssl/provider.h>
#include <openssl/store.h>

#include "crypto/reasons.h"
#include "provider/provider.h"

namespace poolkey::provider {
namespace {

using StoreCtx = std::unique_ptr<OSSL_STORE_CTX, crypto::Free<OSSL_STORE_close>>;
using StoreInfo = std::unique_ptr<OSSL_STORE_INFO, crypto::Free<OSSL_STORE_INFO_free>>;

constexpr const char* kName = crypto::kProviderName;

/// An init function has no argument of its own, and OSSL_PROVIDER_load calls it on this thread
/// before it returns: what it is to work on waits here for so long.
thread_local const std::shared_ptr<hsm::Token>* pending = nullptr;

int initialize_builtin(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls,
                       const OSSL_DISPATCH** out, void** provctx) {
  return pending == nullptr ? 0 : initialize(handle, up_calls, out, provctx, *pending);
}

/// Throws the first error of ours in OpenSSL's queue, else all that it says.
[[noreturn]] void throw_queued(const std::string& doing) {
  std::string others;
  if (const auto ours = crypto::take_queued_error(others)) throw Error(*ours);
  throw Error(Errc::kInternal, doing + "; " + others);
}

}  // namespace

void Builtin::Unload::operator()(OSSL_PROVIDER* provider) const noexcept {
  OSSL_PROVIDER_unload(provider);
}

Builtin::Builtin(std::shared_ptr<hsm::Token> token) : context_(OSSL_LIB_CTX_new()) {
  const auto load = [this](const char* name) {
    Handle provider(OSSL_PROVIDER_load(context(), name));
    if (!provider) throw_queued(std::string("OpenSSL does not load the provider '") + name + "'");
    return provider;
  };
  if (!context_ || OSSL_PROVIDER_add_builtin(context(), kName, initialize_builtin) != 1)
    throw_queued("OpenSSL does not take the built-in provider");
  default_ = load("default");
  pending = &token;
  const std::unique_ptr<void, void (*)(void*)> reset(&token, [](void*) { pending = nullptr; });
  poolkey_ = load(kName);
}

crypto::EvpPkey Builtin::load_private_key(std::string_view pkcs11_uri) const {
  const std::string uri(pkcs11_uri);
  // With our property OpenSSL does not first look for a file of this name in the working directory.
  const StoreCtx store(OSSL_STORE_open_ex(uri.c_str(), context(), kProperties, nullptr, nullptr,
                                          nullptr, nullptr, nullptr));
  if (!store || OSSL_STORE_expect(store.get(), OSSL_STORE_INFO_PKEY) != 1)
    throw_queued("OpenSSL does not open '" + uri + "'");
  const StoreInfo info(OSSL_STORE_load(store.get()));
  crypto::EvpPkey key(info ? OSSL_STORE_INFO_get1_PKEY(info.get()) : nullptr);
  if (!key) throw_queued("OpenSSL does not load '" + uri + "'");
  return key;
}

}  // namespace poolkey::provider
