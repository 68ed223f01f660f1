// OpenSSL's parameters: each may come as a number or as a word, by whoever asks.
// May touch: OpenSSL. Called by: signature_params, decryption_context, agreement_context.
#pragma once

#include <openssl/core.h>

#include <string>

namespace poolkey::provider {

/// Throws kUnsupported: "the parameter 'pad-mode' cannot be 'x931'".
[[noreturn]] void bad_value(const OSSL_PARAM& param, const std::string& value);

bool is_text(const OSSL_PARAM& param) noexcept;
/// Throw as bad_value().
std::string text_of(const OSSL_PARAM& param);
int number_of(const OSSL_PARAM& param);
void put_word(OSSL_PARAM& param, const char* word);
void put_number(OSSL_PARAM& param, int number);

/// The row of a table with `number` and `word` that a parameter means. Throws as bad_value().
template <class Rows>
const auto& row_meant(const Rows& rows, const OSSL_PARAM& param) {
  const std::string word = is_text(param) ? text_of(param) : "";
  const int number = is_text(param) ? 0 : number_of(param);
  for (const auto& row : rows)
    if (is_text(param) ? word == row.word : number == row.number) return row;
  bad_value(param, is_text(param) ? word : std::to_string(number));
}

/// Writes a row into the parameter in the form that it has.
template <class Row>
void put_row(OSSL_PARAM& param, const Row& row) {
  is_text(param) ? put_word(param, row.word) : put_number(param, row.number);
}

}  // namespace poolkey::provider
