#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/decryption_context.h"
#include "provider/dispatch.h"
#include "provider/guard.h"

namespace poolkey::provider {
namespace {

DecryptionContext& context(void* ctx) { return *static_cast<DecryptionContext*>(ctx); }

template <class Body>
int guarded(void* ctx, Body&& body) {
  return guard(context(ctx).provider().core, 0, [&] {
    body();
    return 1;
  });
}

void* make(void* provctx) {
  const Provider& provider = *static_cast<Provider*>(provctx);
  return guard<void*>(provider.core, nullptr, [&] { return new DecryptionContext(provider); });
}

void destroy(void* ctx) { dispose(static_cast<DecryptionContext*>(ctx)); }

void* duplicate(void* ctx) {
  const DecryptionContext& from = context(ctx);
  return guard<void*>(from.provider().core, nullptr, [&] { return new DecryptionContext(from); });
}

int begin(void* ctx, void* key, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] {
    context(ctx).begin(key == nullptr ? nullptr : static_cast<KeyHandle*>(key)->key);
    context(ctx).set_params(params);
  });
}

/// A null buffer asks for the length, and decrypts nothing; neither does one that is too small.
int decrypt(void* ctx, unsigned char* out, size_t* size, size_t capacity, const unsigned char* data,
            size_t data_size) {
  return guarded(ctx, [&] {
    const std::size_t room = context(ctx).room();
    if (out != nullptr && capacity < room)
      throw Error(Errc::kInvalidArgument, "the buffer for what is decrypted is too small");
    *size = out == nullptr ? room : context(ctx).decrypt({data, data_size}, {out, room});
  });
}

const OSSL_PARAM* settable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, nullptr, 0),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, nullptr),
      OSSL_PARAM_uint(OSSL_ASYM_CIPHER_PARAM_TLS_NEGOTIATED_VERSION, nullptr),
      OSSL_PARAM_END};
  return params;
}

const OSSL_PARAM* gettable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, nullptr, 0), OSSL_PARAM_END};
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
      entry<OSSL_FUNC_asym_cipher_newctx_fn>(OSSL_FUNC_ASYM_CIPHER_NEWCTX, make),
      entry<OSSL_FUNC_asym_cipher_freectx_fn>(OSSL_FUNC_ASYM_CIPHER_FREECTX, destroy),
      entry<OSSL_FUNC_asym_cipher_dupctx_fn>(OSSL_FUNC_ASYM_CIPHER_DUPCTX, duplicate),
      entry<OSSL_FUNC_asym_cipher_decrypt_init_fn>(OSSL_FUNC_ASYM_CIPHER_DECRYPT_INIT, begin),
      entry<OSSL_FUNC_asym_cipher_decrypt_fn>(OSSL_FUNC_ASYM_CIPHER_DECRYPT, decrypt),
      entry<OSSL_FUNC_asym_cipher_set_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_SET_CTX_PARAMS,
                                                     set_params),
      entry<OSSL_FUNC_asym_cipher_settable_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_SETTABLE_CTX_PARAMS,
                                                          settable_params),
      entry<OSSL_FUNC_asym_cipher_get_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_GET_CTX_PARAMS,
                                                     get_params),
      entry<OSSL_FUNC_asym_cipher_gettable_ctx_params_fn>(OSSL_FUNC_ASYM_CIPHER_GETTABLE_CTX_PARAMS,
                                                          gettable_params),
      kEndOfTable};
  return entries;
}

}  // namespace

const OSSL_ALGORITHM* asym_cipher_algorithms() noexcept {
  static const OSSL_ALGORITHM algorithms[] = {
      {"RSA:rsaEncryption:1.2.840.113549.1.1.1", kProperties, table(),
       "RSA decryption in a PKCS#11 token"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
