#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>

#include <array>

#include "provider/certificates.h"
#include "provider/dispatch.h"
#include "provider/guard.h"
#include "provider/hand_over.h"
#include "provider/pool_uri.h"
#include "provider/resolve.h"

namespace poolkey::provider {
namespace {

/// One opened URI.
struct Store {
  const Provider* provider;
  Named named;
  CertificateSearch search{};
  int expected = 0;  ///< OSSL_STORE_INFO_*; 0: everything
  bool searched = false;
  std::vector<Found> found{};
  std::size_t next = 0;
};

Store& store(void* ctx) { return *static_cast<Store*>(ctx); }

/// Another scheme is not for us, and is refused without a word.
void* open(void* provctx, const char* uri) {
  const Provider* provider = static_cast<Provider*>(provctx);
  if (!std::string_view(uri).starts_with("pkcs11:") &&
      !std::string_view(uri).starts_with(kPoolScheme))
    return nullptr;
  return guard<void*>(provider->core, nullptr, [&] {
    return new Store{.provider = provider, .named = parse_any_uri(*provider, uri)};
  });
}

int close(void* ctx) {
  dispose(&store(ctx));
  return 1;
}

const OSSL_PARAM* settable_ctx_params(void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, nullptr),
      OSSL_PARAM_octet_string(OSSL_STORE_PARAM_SUBJECT, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_STORE_PARAM_ISSUER, nullptr, 0),
      OSSL_PARAM_BN(OSSL_STORE_PARAM_SERIAL, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_STORE_PARAM_FINGERPRINT, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_ALIAS, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_PROPERTIES, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_STORE_PARAM_INPUT_TYPE, nullptr, 0),
      OSSL_PARAM_END};
  return params;
}

/// What OSSL_STORE_find asks for; the value stays as it was where it does not ask. False: of
/// another type than it should be.
bool read_octets(const OSSL_PARAM params[], const char* name, std::optional<Bytes>& into) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, name);
  const void* data = nullptr;
  std::size_t size = 0;
  if (param == nullptr) return true;
  if (OSSL_PARAM_get_octet_string_ptr(param, &data, &size) != 1) return false;
  const auto* octets = static_cast<const std::uint8_t*>(data);
  into = Bytes(octets, octets + size);
  return true;
}

bool read_number(const OSSL_PARAM params[], const char* name, std::optional<Bytes>& into) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, name);
  BIGNUM* number = nullptr;
  if (param == nullptr) return true;
  if (OSSL_PARAM_get_BN(param, &number) != 1) return false;
  const crypto::BnPtr owner(number);
  into = Bytes(static_cast<std::size_t>(BN_num_bytes(number)));
  BN_bn2bin(number, into->data());
  return true;
}

template <class Text>
bool read_text(const OSSL_PARAM params[], const char* name, Text& into) {
  const OSSL_PARAM* param = OSSL_PARAM_locate_const(params, name);
  const char* text = nullptr;
  if (param == nullptr) return true;
  if (OSSL_PARAM_get_utf8_string_ptr(param, &text) != 1) return false;
  into = text;
  return true;
}

/// Searches are for certificates, but for an alias, which is a label. What we do not know must not
/// fail.
int set_ctx_params(void* ctx, const OSSL_PARAM params[]) {
  Store& self = store(ctx);
  return guard(self.provider->core, 0, [&] {
    const OSSL_PARAM* expect = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);
    return (expect == nullptr || OSSL_PARAM_get_int(expect, &self.expected) == 1) &&
                   read_octets(params, OSSL_STORE_PARAM_SUBJECT, self.search.subject) &&
                   read_octets(params, OSSL_STORE_PARAM_ISSUER, self.search.issuer) &&
                   read_number(params, OSSL_STORE_PARAM_SERIAL, self.search.serial) &&
                   read_octets(params, OSSL_STORE_PARAM_FINGERPRINT, self.search.fingerprint) &&
                   read_text(params, OSSL_STORE_PARAM_DIGEST, self.search.digest) &&
                   read_text(params, OSSL_STORE_PARAM_ALIAS, self.named.uri.object)
               ? 1
               : 0;
  });
}

/// Nothing: an object of a kind that tokens do not hold is wanted, such as a CRL.
std::optional<Expected> expectation(int info_type) {
  switch (info_type) {
    case 0:
      return Expected::kAnything;
    case OSSL_STORE_INFO_PKEY:
      return Expected::kPrivateKey;
    case OSSL_STORE_INFO_PUBKEY:
      return Expected::kPublicKey;
    case OSSL_STORE_INFO_CERT:
      return Expected::kCertificate;
    default:
      return std::nullopt;
  }
}

int hand_over_certificate(Bytes& der, OSSL_CALLBACK* callback, void* argument) {
  int type = OSSL_OBJECT_CERT;
  const std::array params{
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der.data(), der.size()),
      OSSL_PARAM_construct_end()};
  return callback(params.data(), argument);
}

std::vector<Found> find_all(const Store& self, const PinSource& prompt) {
  const auto expected = expectation(self.expected);
  const bool searches = !self.search.is_empty();
  if (!expected ||
      (searches && expected != Expected::kAnything && expected != Expected::kCertificate))
    return {};
  if (!searches) return find(*self.provider, self.named, *expected, prompt);
  std::vector<Found> found = find(*self.provider, self.named, Expected::kCertificate, prompt);
  std::erase_if(found, [&](const Found& one) {
    return !matches(self.search, one.certificate, self.provider->child.get());
  });
  return found;
}

/// One object a call. After a failure there is nothing more, or programs would ask for ever.
int load(void* ctx, OSSL_CALLBACK* callback, void* argument, OSSL_PASSPHRASE_CALLBACK* passphrase,
         void* passphrase_argument) {
  Store& self = store(ctx);
  return guard(self.provider->core, 0, [&] {
    if (!self.searched) {
      self.searched = true;
      self.found = find_all(
          self, prompt_by(passphrase, passphrase_argument, self.named.uri.token.value_or("")));
    }
    if (self.next == self.found.size()) return 1;
    Found& found = self.found[self.next++];
    return found.key ? hand_over_key(self.provider, found.key, callback, argument)
                     : hand_over_certificate(found.certificate, callback, argument);
  });
}

int is_at_end(void* ctx) {
  const Store& self = store(ctx);
  return self.searched && self.next == self.found.size() ? 1 : 0;
}

const OSSL_DISPATCH* table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_store_open_fn>(OSSL_FUNC_STORE_OPEN, open),
      entry<OSSL_FUNC_store_settable_ctx_params_fn>(OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS,
                                                    settable_ctx_params),
      entry<OSSL_FUNC_store_set_ctx_params_fn>(OSSL_FUNC_STORE_SET_CTX_PARAMS, set_ctx_params),
      entry<OSSL_FUNC_store_load_fn>(OSSL_FUNC_STORE_LOAD, load),
      entry<OSSL_FUNC_store_eof_fn>(OSSL_FUNC_STORE_EOF, is_at_end),
      entry<OSSL_FUNC_store_close_fn>(OSSL_FUNC_STORE_CLOSE, close),
      kEndOfTable};
  return entries;
}

}  // namespace

const OSSL_ALGORITHM* store_algorithms() noexcept {
  static const OSSL_ALGORITHM algorithms[] = {
      {"pkcs11", kProperties, table(), "objects of a PKCS#11 token by RFC 7512 URI"},
      {"poolkey", kProperties, table(), "keys of this member's pool by name"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
