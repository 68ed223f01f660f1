#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "provider/agreement_context.h"
#include "provider/dispatch.h"
#include "provider/guard.h"

namespace poolkey::provider {
namespace {

AgreementContext& context(void* ctx) { return *static_cast<AgreementContext*>(ctx); }

std::shared_ptr<const Key> key_of(void* provkey) {
  return provkey == nullptr ? nullptr : static_cast<KeyHandle*>(provkey)->key;
}

template <class Body>
int guarded(void* ctx, Body&& body) {
  return guard(context(ctx).provider().core, 0, [&] {
    body();
    return 1;
  });
}

void* make(void* provctx) {
  const Provider& provider = *static_cast<Provider*>(provctx);
  return guard<void*>(provider.core, nullptr, [&] { return new AgreementContext(provider); });
}

void destroy(void* ctx) { dispose(static_cast<AgreementContext*>(ctx)); }

void* duplicate(void* ctx) {
  const AgreementContext& from = context(ctx);
  return guard<void*>(from.provider().core, nullptr, [&] { return new AgreementContext(from); });
}

int begin(void* ctx, void* key, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] {
    context(ctx).begin(key_of(key));
    context(ctx).set_params(params);
  });
}

int set_peer(void* ctx, void* peer) {
  return guarded(ctx, [&] { context(ctx).set_peer(key_of(peer)); });
}

/// A null buffer asks for the length, and derives nothing; neither does one that is too small.
int derive(void* ctx, unsigned char* out, size_t* size, size_t capacity) {
  return guarded(ctx, [&] {
    const std::size_t needed = context(ctx).size();
    if (out != nullptr) {
      if (capacity < needed)
        throw Error(Errc::kInvalidArgument, "the buffer for the secret is too small");
      std::ranges::copy(context(ctx).derive().view(), out);
    }
    *size = needed;
  });
}

const OSSL_PARAM* settable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, nullptr, 0),
      OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, nullptr),
      OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, nullptr, 0),
      OSSL_PARAM_END};
  return params;
}

const OSSL_PARAM* gettable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, nullptr, 0),
      OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, nullptr), OSSL_PARAM_END};
  return params;
}

int set_params(void* ctx, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] { context(ctx).set_params(params); });
}

int get_params(void* ctx, OSSL_PARAM params[]) {
  return guarded(ctx, [&] { context(ctx).get_params(params); });
}

const OSSL_DISPATCH* table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_keyexch_newctx_fn>(OSSL_FUNC_KEYEXCH_NEWCTX, make),
      entry<OSSL_FUNC_keyexch_freectx_fn>(OSSL_FUNC_KEYEXCH_FREECTX, destroy),
      entry<OSSL_FUNC_keyexch_dupctx_fn>(OSSL_FUNC_KEYEXCH_DUPCTX, duplicate),
      entry<OSSL_FUNC_keyexch_init_fn>(OSSL_FUNC_KEYEXCH_INIT, begin),
      entry<OSSL_FUNC_keyexch_set_peer_fn>(OSSL_FUNC_KEYEXCH_SET_PEER, set_peer),
      entry<OSSL_FUNC_keyexch_derive_fn>(OSSL_FUNC_KEYEXCH_DERIVE, derive),
      entry<OSSL_FUNC_keyexch_set_ctx_params_fn>(OSSL_FUNC_KEYEXCH_SET_CTX_PARAMS, set_params),
      entry<OSSL_FUNC_keyexch_settable_ctx_params_fn>(OSSL_FUNC_KEYEXCH_SETTABLE_CTX_PARAMS,
                                                      settable_params),
      entry<OSSL_FUNC_keyexch_get_ctx_params_fn>(OSSL_FUNC_KEYEXCH_GET_CTX_PARAMS, get_params),
      entry<OSSL_FUNC_keyexch_gettable_ctx_params_fn>(OSSL_FUNC_KEYEXCH_GETTABLE_CTX_PARAMS,
                                                      gettable_params),
      kEndOfTable};
  return entries;
}

}  // namespace

const OSSL_ALGORITHM* keyexch_algorithms() noexcept {
  static const OSSL_ALGORITHM algorithms[] = {
      {"ECDH", kProperties, table(), "ECDH in a PKCS#11 token"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
