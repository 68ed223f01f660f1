#include "provider/param.h"

#include <openssl/params.h>

#include <cstring>

#include "base/error.h"

namespace poolkey::provider {

void bad_value(const OSSL_PARAM& param, const std::string& value) {
  throw Error(Errc::kUnsupported,
              std::string("the parameter '") + param.key + "' cannot be '" + value + "'");
}

bool is_text(const OSSL_PARAM& param) noexcept { return param.data_type == OSSL_PARAM_UTF8_STRING; }

std::string text_of(const OSSL_PARAM& param) {
  const char* text = nullptr;
  if (OSSL_PARAM_get_utf8_string_ptr(&param, &text) != 1) bad_value(param, "what was given");
  return {text, strnlen(text, param.data_size == 0 ? 256 : param.data_size)};
}

int number_of(const OSSL_PARAM& param) {
  int number = 0;
  if (OSSL_PARAM_get_int(&param, &number) != 1) bad_value(param, "what was given");
  return number;
}

void put_word(OSSL_PARAM& param, const char* word) {
  if (OSSL_PARAM_set_utf8_string(&param, word) != 1) bad_value(param, word);
}

void put_number(OSSL_PARAM& param, int number) {
  if (OSSL_PARAM_set_int(&param, number) != 1) bad_value(param, std::to_string(number));
}

}  // namespace poolkey::provider
