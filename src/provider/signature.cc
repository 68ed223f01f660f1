#include <openssl/core_names.h>
#include <openssl/params.h>

#include <algorithm>

#include "provider/dispatch.h"
#include "provider/guard.h"
#include "provider/signature_context.h"

namespace poolkey::provider {
namespace {

SignatureContext& context(void* ctx) { return *static_cast<SignatureContext*>(ctx); }

std::shared_ptr<const Key> key_of(void* provkey) {
  return provkey == nullptr ? nullptr : static_cast<KeyHandle*>(provkey)->key;
}

std::string_view text(const char* string) { return string == nullptr ? "" : string; }

template <class Body>
int guarded(void* ctx, Body&& body) {
  return guard(context(ctx).provider().core, 0, [&] {
    body();
    return 1;
  });
}

template <KeyKind kKind>
void* make(void* provctx, const char* /*properties*/) {
  const Provider& provider = *static_cast<Provider*>(provctx);
  return guard<void*>(provider.core, nullptr,
                      [&] { return new SignatureContext(provider, kKind); });
}

void destroy(void* ctx) { dispose(static_cast<SignatureContext*>(ctx)); }

void* duplicate(void* ctx) {
  const SignatureContext& from = context(ctx);
  return guard<void*>(from.provider().core, nullptr, [&] { return new SignatureContext(from); });
}

template <bool kSign>
int begin(void* ctx, void* key, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] {
    context(ctx).begin(key_of(key), kSign);
    context(ctx).set_params(params);
  });
}

template <bool kSign>
int begin_digest(void* ctx, const char* digest, void* key, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] {
    context(ctx).begin_digest(key_of(key), kSign, text(digest));
    context(ctx).set_params(params);
  });
}

int update(void* ctx, const unsigned char* data, size_t size) {
  return guarded(ctx, [&] { context(ctx).update({data, size}); });
}

/// A null buffer asks for the length, and signs nothing; neither does one that is too small.
template <class DigestOf>
int sign_into(void* ctx, unsigned char* out, size_t* size, size_t capacity, DigestOf&& digest_of) {
  return guarded(ctx, [&] {
    const std::size_t most = context(ctx).max_signature();
    if (out != nullptr) {
      if (capacity < most)
        throw Error(Errc::kInvalidArgument, "the buffer for the signature is too small");
      const Bytes signature = context(ctx).sign(digest_of());
      std::ranges::copy(signature, out);
      *size = signature.size();
    } else {
      *size = most;
    }
  });
}

int sign(void* ctx, unsigned char* out, size_t* size, size_t capacity, const unsigned char* data,
         size_t data_size) {
  return sign_into(ctx, out, size, capacity, [&] { return ByteView(data, data_size); });
}

int digest_sign(void* ctx, unsigned char* out, size_t* size, size_t capacity,
                const unsigned char* data, size_t data_size) {
  return sign_into(ctx, out, size, capacity, [&] {
    return context(ctx).digest_of({data, data_size});
  });
}

int digest_sign_final(void* ctx, unsigned char* out, size_t* size, size_t capacity) {
  return sign_into(ctx, out, size, capacity, [&] { return context(ctx).digest_of(); });
}

int verify(void* ctx, const unsigned char* signature, size_t size, const unsigned char* data,
           size_t data_size) {
  return guard(context(ctx).provider().core, 0, [&] {
    return context(ctx).verify({data, data_size}, {signature, size}) ? 1 : 0;
  });
}

int digest_verify_final(void* ctx, const unsigned char* signature, size_t size) {
  return guard(context(ctx).provider().core, 0, [&] {
    return context(ctx).verify(context(ctx).digest_of(), {signature, size}) ? 1 : 0;
  });
}

/// What may be set decides what EVP_PKEY_CTX_set_rsa_padding and -pkeyopt may do.
template <KeyKind kKind>
const OSSL_PARAM* settable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM rsa[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, nullptr, 0),
      OSSL_PARAM_END};
  static const OSSL_PARAM ec[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, nullptr, 0), OSSL_PARAM_END};
  return kKind == KeyKind::kRsa ? rsa : ec;
}

template <KeyKind kKind>
const OSSL_PARAM* gettable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM rsa[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, nullptr, 0),
      OSSL_PARAM_END};
  static const OSSL_PARAM ec[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0), OSSL_PARAM_END};
  return kKind == KeyKind::kRsa ? rsa : ec;
}

int set_params(void* ctx, const OSSL_PARAM params[]) {
  return guarded(ctx, [&] { context(ctx).set_params(params); });
}

int get_params(void* ctx, OSSL_PARAM params[]) {
  return guarded(ctx, [&] { context(ctx).get_params(params); });
}

const OSSL_PARAM* ed25519_gettable_params(void* /*ctx*/, void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0), OSSL_PARAM_END};
  return params;
}

/// The message as a whole, once: what sign() and verify() take is no digest here.
const OSSL_DISPATCH* ed25519_table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_signature_newctx_fn>(OSSL_FUNC_SIGNATURE_NEWCTX, make<KeyKind::kEd25519>),
      entry<OSSL_FUNC_signature_freectx_fn>(OSSL_FUNC_SIGNATURE_FREECTX, destroy),
      entry<OSSL_FUNC_signature_dupctx_fn>(OSSL_FUNC_SIGNATURE_DUPCTX, duplicate),
      entry<OSSL_FUNC_signature_digest_sign_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,
                                                     begin_digest<true>),
      entry<OSSL_FUNC_signature_digest_sign_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
      entry<OSSL_FUNC_signature_digest_verify_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
                                                       begin_digest<false>),
      entry<OSSL_FUNC_signature_digest_verify_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, verify),
      entry<OSSL_FUNC_signature_get_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_params),
      entry<OSSL_FUNC_signature_gettable_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
                                                        ed25519_gettable_params),
      kEndOfTable};
  return entries;
}

template <KeyKind kKind>
const OSSL_DISPATCH* table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_signature_newctx_fn>(OSSL_FUNC_SIGNATURE_NEWCTX, make<kKind>),
      entry<OSSL_FUNC_signature_freectx_fn>(OSSL_FUNC_SIGNATURE_FREECTX, destroy),
      entry<OSSL_FUNC_signature_dupctx_fn>(OSSL_FUNC_SIGNATURE_DUPCTX, duplicate),
      entry<OSSL_FUNC_signature_sign_init_fn>(OSSL_FUNC_SIGNATURE_SIGN_INIT, begin<true>),
      entry<OSSL_FUNC_signature_sign_fn>(OSSL_FUNC_SIGNATURE_SIGN, sign),
      entry<OSSL_FUNC_signature_verify_init_fn>(OSSL_FUNC_SIGNATURE_VERIFY_INIT, begin<false>),
      entry<OSSL_FUNC_signature_verify_fn>(OSSL_FUNC_SIGNATURE_VERIFY, verify),
      entry<OSSL_FUNC_signature_digest_sign_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT,
                                                     begin_digest<true>),
      entry<OSSL_FUNC_signature_digest_sign_update_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE,
                                                       update),
      entry<OSSL_FUNC_signature_digest_sign_final_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL,
                                                      digest_sign_final),
      entry<OSSL_FUNC_signature_digest_sign_fn>(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, digest_sign),
      entry<OSSL_FUNC_signature_digest_verify_init_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT,
                                                       begin_digest<false>),
      entry<OSSL_FUNC_signature_digest_verify_update_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE,
                                                         update),
      entry<OSSL_FUNC_signature_digest_verify_final_fn>(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL,
                                                        digest_verify_final),
      entry<OSSL_FUNC_signature_set_ctx_params_fn>(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, set_params),
      entry<OSSL_FUNC_signature_settable_ctx_params_fn>(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
                                                        settable_params<kKind>),
      entry<OSSL_FUNC_signature_get_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, get_params),
      entry<OSSL_FUNC_signature_gettable_ctx_params_fn>(OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS,
                                                        gettable_params<kKind>),
      kEndOfTable};
  return entries;
}

}  // namespace

const OSSL_ALGORITHM* signature_algorithms() noexcept {
  static const OSSL_ALGORITHM algorithms[] = {
      {"RSA:rsaEncryption:1.2.840.113549.1.1.1", kProperties, table<KeyKind::kRsa>(),
       "RSA PKCS#1 v1.5 and PSS in a PKCS#11 token"},
      {"ECDSA", kProperties, table<KeyKind::kEc>(), "ECDSA in a PKCS#11 token"},
      {"ED25519:1.3.101.112", kProperties, ed25519_table(), "Ed25519 in a PKCS#11 token"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
