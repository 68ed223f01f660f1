// Octet strings and their two text forms.
// May touch: std only. Called by: everybody.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace poolkey {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

Bytes to_bytes(std::string_view text);
std::string to_text(ByteView bytes);
inline ByteView view(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Lower-case hexadecimal, two digits an octet.
std::string hex(ByteView bytes);
/// Reads upper- or lower-case hexadecimal; colons and blanks between octets are allowed, as
/// fingerprints are printed. Throws kInvalidArgument.
Bytes from_hex(std::string_view text);

/// RFC 4648 section 4, padded, without line breaks.
std::string base64(ByteView bytes);
/// Throws kInvalidArgument for anything that base64() would not have written, blanks excepted.
Bytes from_base64(std::string_view text);

/// "3f:0a:..": a fingerprint as people compare it, upper-case pairs with colons.
std::string fingerprint_text(ByteView bytes);

}  // namespace poolkey
