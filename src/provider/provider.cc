#include "provider/provider.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <cstdlib>
#include <mutex>
#include <set>

#include "crypto/reasons.h"
#include "provider/dispatch.h"
#include "provider/guard.h"

namespace poolkey::provider {
namespace {

/// The instances in this process. Never destroyed.
struct Loaded {
  std::mutex mutex;
  std::set<const Provider*> all;
};
Loaded& loaded() {
  static auto& one = *new Loaded;
  return one;
}

/// Static objects of a program are destroyed after OpenSSL has ended, and may free the last key
/// only then. libcrypto 3.0 would unload the provider with it, and take our reason strings out of a
/// table that is no more.
void keep_all_at_the_end() noexcept {
  const std::unique_lock hold(loaded().mutex, std::try_to_lock);  // its holder may not be here
  if (!hold) return;
  for (const Provider* one : loaded().all) one->core.keep_for_ever();
}

void note(const Provider* fresh) {
  const std::lock_guard hold(loaded().mutex);
  [[maybe_unused]] static const int once = std::atexit(keep_all_at_the_end);
  loaded().all.insert(fresh);
}

void teardown(void* provctx) {
  Provider* const provider = static_cast<Provider*>(provctx);
  {
    const std::lock_guard hold(loaded().mutex);
    loaded().all.erase(provider);
  }
  dispose(provider);
}

const OSSL_PARAM* gettable_params(void* /*provctx*/) {
  static const OSSL_PARAM params[] = {OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
                                      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, nullptr, 0),
                                      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, nullptr, 0),
                                      OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr),
                                      OSSL_PARAM_END};
  return params;
}

int get_params(void* /*provctx*/, OSSL_PARAM params[]) {
  const auto set_text = [params](const char* name, const char* text) {
    OSSL_PARAM* param = OSSL_PARAM_locate(params, name);
    return param == nullptr || OSSL_PARAM_set_utf8_ptr(param, text) == 1;
  };
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return set_text(OSSL_PROV_PARAM_NAME, "poolkey PKCS#11 provider") &&
                 set_text(OSSL_PROV_PARAM_VERSION, POOLKEY_VERSION) &&
                 set_text(OSSL_PROV_PARAM_BUILDINFO, POOLKEY_VERSION) &&
                 (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1)
             ? 1
             : 0;
}

const OSSL_ALGORITHM* query_operation(void* /*provctx*/, int operation, int* no_store) {
  *no_store = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT:
      return keymgmt_algorithms();
    case OSSL_OP_SIGNATURE:
      return signature_algorithms();
    case OSSL_OP_ASYM_CIPHER:
      return asym_cipher_algorithms();
    case OSSL_OP_KEYEXCH:
      return keyexch_algorithms();
    case OSSL_OP_STORE:
      return store_algorithms();
    case OSSL_OP_DECODER:
      return decoder_algorithms();
    default:
      return nullptr;
  }
}

const OSSL_ITEM* get_reason_strings(void* /*provctx*/) { return crypto::reason_strings(); }

const OSSL_DISPATCH* provider_table() noexcept {
  static const OSSL_DISPATCH table[] = {
      entry<OSSL_FUNC_provider_teardown_fn>(OSSL_FUNC_PROVIDER_TEARDOWN, teardown),
      entry<OSSL_FUNC_provider_gettable_params_fn>(OSSL_FUNC_PROVIDER_GETTABLE_PARAMS,
                                                   gettable_params),
      entry<OSSL_FUNC_provider_get_params_fn>(OSSL_FUNC_PROVIDER_GET_PARAMS, get_params),
      entry<OSSL_FUNC_provider_query_operation_fn>(OSSL_FUNC_PROVIDER_QUERY_OPERATION,
                                                   query_operation),
      entry<OSSL_FUNC_provider_get_reason_strings_fn>(OSSL_FUNC_PROVIDER_GET_REASON_STRINGS,
                                                      get_reason_strings),
      kEndOfTable};
  return table;
}

}  // namespace

int initialize(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* up_calls,
               const OSSL_DISPATCH** out, void** provctx,
               const std::shared_ptr<hsm::Token>& token) noexcept try {
  const Core core(handle, up_calls);
  return guard(core, 0, [&] {
    auto tokens = token ? std::make_shared<Tokens>(token) : std::make_shared<Tokens>(core);
    Provider::LibCtx child(OSSL_LIB_CTX_new_child(handle, up_calls));
    if (!child) throw Error(Errc::kInternal, "OpenSSL gave no child library context");
    auto state = std::make_shared<MemberState>(child.get());
    if (!token)
      tokens->govern([state, known = tokens.get()](const PublicPart& part) {
        return state->rules(known->settings(), part);
      });
    auto digests = std::make_unique<const Digests>(child.get());
    auto made = std::make_unique<Provider>(
        Provider{core, std::move(child), std::move(digests), std::move(state), std::move(tokens)});
    if (!token) note(made.get());
    *provctx = made.release();
    *out = provider_table();
    return 1;
  });
} catch (const Error&) {
  return 0;  // without up-calls there is nowhere to put a sentence
}

}  // namespace poolkey::provider
