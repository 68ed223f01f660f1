#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>

#include <utility>

#include "provider/dispatch.h"
#include "provider/guard.h"
#include "provider/key.h"
#include "provider/provider.h"

namespace poolkey::provider {
namespace {

const KeyHandle& handle(const void* keydata) { return *static_cast<const KeyHandle*>(keydata); }
const Key* key_of(const void* keydata) {
  return keydata == nullptr ? nullptr : handle(keydata).key.get();
}

void* make(void* provctx) {
  const Provider* provider = static_cast<Provider*>(provctx);
  return guard<void*>(provider->core, nullptr, [&] { return new KeyHandle{provider, nullptr}; });
}

void destroy(void* keydata) { dispose(static_cast<KeyHandle*>(keydata)); }

/// The store's reference is the address of its own pointer: taking the key clears it there.
void* load(const void* reference, size_t size) {
  if (size != sizeof(KeyHandle*)) return nullptr;
  auto* from = static_cast<KeyHandle**>(const_cast<void*>(reference));
  return std::exchange(*from, nullptr);
}

int has(const void* keydata, int selection) {
  const Key* key = key_of(keydata);
  if (key == nullptr) return 0;
  const auto wants = [selection](int part) { return (selection & part) != 0; };
  return (!wants(OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->is_private()) &&
                 (!wants(OSSL_KEYMGMT_SELECT_PUBLIC_KEY) || key->part.has_key())
             ? 1
             : 0;
}

int match(const void* one, const void* other, int selection) {
  const Key* a = key_of(one);
  const Key* b = key_of(other);
  if (a == nullptr || b == nullptr) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
    return a->part.has_key() && a->part == b->part ? 1 : 0;
  return a->part.kind == b->part.kind && a->part.curve == b->part.curve ? 1 : 0;
}

/// Only EC has parameters that are worth something without a key.
void* duplicate(const void* keydata, int selection) {
  const KeyHandle& from = handle(keydata);
  return guard<void*>(from.provider->core, nullptr, [&]() -> KeyHandle* {
    auto out = std::make_unique<KeyHandle>(from);
    if (!from.key || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0) return out.release();
    Key copy{from.key->part, nullptr};
    if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0) {
      if (copy.part.kind != KeyKind::kEc) return nullptr;
      copy.part.point.clear();
    }
    out->key = std::make_shared<Key>(std::move(copy));
    return out.release();
  });
}

/// What is meant for one kind of key among three.
template <KeyKind kKind>
const OSSL_PARAM* of_kind(const OSSL_PARAM* rsa, const OSSL_PARAM* ec, const OSSL_PARAM* ed25519) {
  return kKind == KeyKind::kRsa ? rsa : kKind == KeyKind::kEc ? ec : ed25519;
}

template <KeyKind kKind>
const OSSL_PARAM* gettable_params(void* /*provctx*/) {
  static const OSSL_PARAM rsa[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0),
      OSSL_PARAM_END};
  static const OSSL_PARAM ec[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, nullptr, 0),
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, nullptr, 0),
      OSSL_PARAM_END};
  static const OSSL_PARAM ed25519[] = {
      OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, nullptr),
      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, nullptr),
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, nullptr, 0),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
      OSSL_PARAM_END};
  return of_kind<kKind>(rsa, ec, ed25519);
}

/// Answers to those of the parameters that were asked for; false where one cannot be given.
class Answers {
 public:
  explicit Answers(OSSL_PARAM* params) : params_(params) {}

  template <class Number>
  bool number(const char* name, Number value) const {
    OSSL_PARAM* param = find(name);
    return param == nullptr || OSSL_PARAM_set_int(param, static_cast<int>(value)) == 1;
  }
  bool text(const char* name, const char* value) const {
    OSSL_PARAM* param = find(name);
    return param == nullptr || OSSL_PARAM_set_utf8_string(param, value) == 1;
  }
  bool big(const char* name, ByteView value) const {
    OSSL_PARAM* param = find(name);
    if (param == nullptr) return true;
    const crypto::BnPtr bn(BN_bin2bn(value.data(), static_cast<int>(value.size()), nullptr));
    return !value.empty() && bn && OSSL_PARAM_set_BN(param, bn.get()) == 1;
  }
  bool octets(const char* name, ByteView value) const {
    OSSL_PARAM* param = find(name);
    return param == nullptr ||
           (!value.empty() && OSSL_PARAM_set_octet_string(param, value.data(), value.size()) == 1);
  }

 private:
  OSSL_PARAM* find(const char* name) const { return OSSL_PARAM_locate(params_, name); }
  OSSL_PARAM* params_;
};

bool get_rsa(const Answers& answers, const PublicPart& part) {
  return answers.text(OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256") &&
         answers.big(OSSL_PKEY_PARAM_RSA_N, part.modulus) &&
         answers.big(OSSL_PKEY_PARAM_RSA_E, part.exponent);
}

bool get_ec(const Answers& answers, const PublicPart& part) {
  const ByteView both = ByteView(part.point).subspan(part.has_key() ? 1 : 0);
  const ByteView x = both.first(both.size() / 2), y = both.subspan(both.size() / 2);
  return answers.text(OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256") &&
         answers.text(OSSL_PKEY_PARAM_GROUP_NAME, part.curve->group) &&
         answers.text(OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_GROUP) &&
         answers.text(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                      OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) &&
         answers.text(OSSL_PKEY_PARAM_EC_FIELD_TYPE, SN_X9_62_prime_field) &&
         answers.octets(OSSL_PKEY_PARAM_PUB_KEY, part.point) &&
         answers.octets(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, part.point) &&
         answers.big(OSSL_PKEY_PARAM_EC_PUB_X, x) && answers.big(OSSL_PKEY_PARAM_EC_PUB_Y, y);
}

/// Empty, and no default digest: `openssl ca` takes any other answer for a digest's name.
bool get_ed25519(const Answers& answers, const PublicPart& part) {
  return answers.text(OSSL_PKEY_PARAM_MANDATORY_DIGEST, "") &&
         answers.octets(OSSL_PKEY_PARAM_PUB_KEY, part.point);
}

/// Bits, security bits and maximum size are asked for in one call, which must not fail for any.
int get_params(void* keydata, OSSL_PARAM params[]) {
  const Key* key = key_of(keydata);
  if (key == nullptr) return 0;
  const PublicPart& part = key->part;
  const Answers answers(params);
  const auto get_own = part.kind == KeyKind::kRsa  ? get_rsa
                       : part.kind == KeyKind::kEc ? get_ec
                                                   : get_ed25519;
  return answers.number(OSSL_PKEY_PARAM_BITS, part.bits()) &&
                 answers.number(OSSL_PKEY_PARAM_SECURITY_BITS, part.security_bits()) &&
                 answers.number(OSSL_PKEY_PARAM_MAX_SIZE, part.max_signature()) &&
                 get_own(answers, part)
             ? 1
             : 0;
}

/// EC: the curve alone, or with the key. The others have no parameters, and where none are given
/// OpenSSL makes a key of nothing: printing such an RSA key crashes it.
bool is_exchanged(KeyKind kind, int selection) {
  const int needed =
      kind == KeyKind::kEc ? OSSL_KEYMGMT_SELECT_ALL_PARAMETERS : OSSL_KEYMGMT_SELECT_PUBLIC_KEY;
  return (selection & needed) != 0;
}

template <KeyKind kKind>
const OSSL_PARAM* exchange_types(int selection) {
  static const OSSL_PARAM rsa[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, nullptr, 0),
                                   OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, nullptr, 0),
                                   OSSL_PARAM_END};
  static const OSSL_PARAM ec[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, nullptr, 0),
                                  OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                  OSSL_PARAM_END};
  static const OSSL_PARAM ed25519[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, nullptr, 0),
                                       OSSL_PARAM_END};
  return is_exchanged(kKind, selection) ? of_kind<kKind>(rsa, ec, ed25519) : nullptr;
}

/// Asked with the private bit before every signature: says no at once, and quietly. Giving the
/// public part instead would make a software key of it that cannot sign (openssl issue 17531).
int export_key(void* keydata, int selection, OSSL_CALLBACK* callback, void* argument) {
  const Key* key = key_of(keydata);
  if (key == nullptr) return 0;
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && key->is_private()) return 0;
  if (!is_exchanged(key->part.kind, selection) ||
      ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && !key->part.has_key()))
    return 0;
  return guard(handle(keydata).provider->core, 0, [&] {
    const Params params = to_params(key->part, selection);
    return callback(params.get(), argument);
  });
}

template <KeyKind kKind>
int import_key(void* keydata, int /*selection*/, const OSSL_PARAM params[]) {
  auto& to = *static_cast<KeyHandle*>(keydata);
  return guard(to.provider->core, 0, [&] {
    // Not by the selection: OpenSSL says "all" of public keys, too (its issue 21596).
    if (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY) != nullptr ||
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_D) != nullptr)
      throw Error(Errc::kUnsupported, "private keys are not imported: they are born in a token");
    auto part = public_part_from(kKind, params);
    if (!part) return 0;
    to.key = std::make_shared<Key>(Key{std::move(*part), nullptr});
    return 1;
  });
}

/// CMS makes the originator's key of an EC message from our own key's curve and this one value.
const OSSL_PARAM* settable_params(void* /*provctx*/) {
  static const OSSL_PARAM params[] = {
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, nullptr, 0), OSSL_PARAM_END};
  return params;
}

int set_params(void* keydata, const OSSL_PARAM params[]) {
  auto& to = *static_cast<KeyHandle*>(keydata);
  const OSSL_PARAM* encoded = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
  if (encoded == nullptr) return 1;
  return guard(to.provider->core, 0, [&] {
    if (!to.key || to.key->is_private())
      throw Error(Errc::kInvalidArgument, "the public key of a private key is not changed");
    auto part = with_point(to.key->part, *encoded);
    if (!part) throw Error(Errc::kInvalidArgument, "the octets are no uncompressed point");
    to.key = std::make_shared<Key>(Key{std::move(*part), nullptr});
    return 1;
  });
}

/// EC is the one type whose operations have names of their own.
const char* operation_name(int operation) {
  switch (operation) {
    case OSSL_OP_SIGNATURE:
      return "ECDSA";
    case OSSL_OP_KEYEXCH:
      return "ECDH";
    default:
      return nullptr;
  }
}

template <KeyKind kKind>
const OSSL_DISPATCH* table() noexcept {
  static const OSSL_DISPATCH entries[] = {
      entry<OSSL_FUNC_keymgmt_new_fn>(OSSL_FUNC_KEYMGMT_NEW, make),
      entry<OSSL_FUNC_keymgmt_free_fn>(OSSL_FUNC_KEYMGMT_FREE, destroy),
      entry<OSSL_FUNC_keymgmt_load_fn>(OSSL_FUNC_KEYMGMT_LOAD, load),
      entry<OSSL_FUNC_keymgmt_has_fn>(OSSL_FUNC_KEYMGMT_HAS, has),
      entry<OSSL_FUNC_keymgmt_match_fn>(OSSL_FUNC_KEYMGMT_MATCH, match),
      entry<OSSL_FUNC_keymgmt_dup_fn>(OSSL_FUNC_KEYMGMT_DUP, duplicate),
      entry<OSSL_FUNC_keymgmt_gettable_params_fn>(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS,
                                                  gettable_params<kKind>),
      entry<OSSL_FUNC_keymgmt_get_params_fn>(OSSL_FUNC_KEYMGMT_GET_PARAMS, get_params),
      entry<OSSL_FUNC_keymgmt_export_types_fn>(OSSL_FUNC_KEYMGMT_EXPORT_TYPES,
                                               exchange_types<kKind>),
      entry<OSSL_FUNC_keymgmt_export_fn>(OSSL_FUNC_KEYMGMT_EXPORT, export_key),
      entry<OSSL_FUNC_keymgmt_import_types_fn>(OSSL_FUNC_KEYMGMT_IMPORT_TYPES,
                                               exchange_types<kKind>),
      entry<OSSL_FUNC_keymgmt_import_fn>(OSSL_FUNC_KEYMGMT_IMPORT, import_key<kKind>),
      kKind == KeyKind::kEc ? entry<OSSL_FUNC_keymgmt_query_operation_name_fn>(
                                  OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, operation_name)
                            : kEndOfTable,
      entry<OSSL_FUNC_keymgmt_set_params_fn>(OSSL_FUNC_KEYMGMT_SET_PARAMS, set_params),
      entry<OSSL_FUNC_keymgmt_settable_params_fn>(OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS,
                                                  settable_params),
      kEndOfTable};
  return entries;
}

}  // namespace

const OSSL_ALGORITHM* keymgmt_algorithms() noexcept {
  static const OSSL_ALGORITHM algorithms[] = {
      {"RSA:rsaEncryption:1.2.840.113549.1.1.1", kProperties, table<KeyKind::kRsa>(),
       "RSA keys of a PKCS#11 token"},
      {"EC:id-ecPublicKey:1.2.840.10045.2.1", kProperties, table<KeyKind::kEc>(),
       "EC keys of a PKCS#11 token"},
      {"ED25519:1.3.101.112", kProperties, table<KeyKind::kEd25519>(),
       "Ed25519 keys of a PKCS#11 token"},
      {nullptr, nullptr, nullptr, nullptr}};
  return algorithms;
}

}  // namespace poolkey::provider
