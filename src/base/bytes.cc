#include "base/bytes.h"

#include <array>
#include <cctype>

#include "base/error.h"

namespace poolkey {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::string to_text(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::string hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += kHex[b >> 4];
    out += kHex[b & 15];
  }
  return out;
}

Bytes from_hex(std::string_view text) {
  Bytes out;
  int high = -1;
  for (char c : text) {
    if (high < 0 && (c == ':' || c == ' ')) continue;
    const auto digit = kHex.find(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    if (digit == std::string_view::npos)
      throw Error(Errc::kInvalidArgument,
                  "'" + std::string(text.substr(0, 80)) + "' is not hexadecimal");
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      out.push_back(static_cast<std::uint8_t>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  if (high >= 0)
    throw Error(Errc::kInvalidArgument, "hexadecimal text with an odd number of digits");
  return out;
}

std::string base64(ByteView bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const std::uint32_t group = (std::uint32_t{bytes[i]} << 16) |
                                (left > 1 ? std::uint32_t{bytes[i + 1]} << 8 : 0) |
                                (left > 2 ? std::uint32_t{bytes[i + 2]} : 0);
    out += kBase64[group >> 18];
    out += kBase64[(group >> 12) & 63];
    out += left > 1 ? kBase64[(group >> 6) & 63] : '=';
    out += left > 2 ? kBase64[group & 63] : '=';
  }
  return out;
}

Bytes from_base64(std::string_view text) {
  static const auto values = [] {
    std::array<std::int8_t, 256> table;
    table.fill(-1);
    for (std::size_t i = 0; i < kBase64.size(); ++i)
      table[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
    return table;
  }();
  Bytes out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  int filled = 0;
  int padding = 0;
  for (char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::int8_t digit = values[static_cast<unsigned char>(c)];
    if (digit < 0 || padding > 0) throw Error(Errc::kInvalidArgument, "text that is not base64");
    group = (group << 6) | static_cast<std::uint32_t>(digit);
    if (++filled == 4) {
      out.push_back(static_cast<std::uint8_t>(group >> 16));
      out.push_back(static_cast<std::uint8_t>(group >> 8));
      out.push_back(static_cast<std::uint8_t>(group));
      group = 0;
      filled = 0;
    }
  }
  if ((filled + padding) % 4 != 0 || padding > 2 || filled == 1)
    throw Error(Errc::kInvalidArgument, "base64 text that is cut short");
  // Bits that no octet takes up must be zero, or one value would have several texts.
  if ((group & ((1U << (filled * 6 % 8)) - 1)) != 0)
    throw Error(Errc::kInvalidArgument, "base64 text with a last character that is not possible");
  if (filled == 2) out.push_back(static_cast<std::uint8_t>(group >> 4));
  if (filled == 3) {
    out.push_back(static_cast<std::uint8_t>(group >> 10));
    out.push_back(static_cast<std::uint8_t>(group >> 2));
  }
  return out;
}

std::string fingerprint_text(ByteView bytes) {
  std::string out;
  for (std::uint8_t b : bytes) {
    if (!out.empty()) out += ':';
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(kHex[b >> 4])));
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(kHex[b & 15])));
  }
  return out;
}

}  // namespace poolkey
