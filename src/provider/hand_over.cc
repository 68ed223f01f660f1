#include "provider/hand_over.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>

#include <array>

namespace poolkey::provider {

int hand_over_key(const Provider* provider, const std::shared_ptr<const Key>& key,
                  OSSL_CALLBACK* callback, void* argument) {
  int type = OSSL_OBJECT_PKEY;
  std::string name = key->part.type_name();
  auto owner = std::make_unique<KeyHandle>(KeyHandle{provider, key});
  KeyHandle* reference = owner.get();
  const std::array params{
      OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type),
      OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, &reference, sizeof reference),
      OSSL_PARAM_construct_end()};
  const int result = callback(params.data(), argument);
  // keymgmt.load cleared the pointer if it took the key.
  if (reference == nullptr) static_cast<void>(owner.release());
  return result;
}

PinSource prompt_by(OSSL_PASSPHRASE_CALLBACK* callback, void* argument, std::string_view token) {
  return [=, token = std::string(token)] {
    std::string info = (token.empty() ? "the token" : "token '" + token + "'") + " (its PIN)";
    const std::array params{
        OSSL_PARAM_construct_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, info.data(), 0),
        OSSL_PARAM_construct_end()};
    SecretBytes buffer(256);
    auto* text = reinterpret_cast<char*>(buffer.span().data());
    std::size_t size = 0;
    if (callback == nullptr || callback(text, buffer.size(), &size, params.data(), argument) != 1 ||
        size == 0 || size > buffer.size())
      throw Error(Errc::kAuthFailed,
                  "no PIN was given; set poolkey-pin-source in openssl.cnf, or type it when asked");
    return Pin(SecretBytes(buffer.view().first(size)));
  };
}

}  // namespace poolkey::provider
