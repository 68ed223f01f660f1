#include "requests/a_label.h"

#include <cstdint>
#include <optional>

namespace poolkey::requests {
namespace {

// RFC 3492 section 5.
constexpr std::uint64_t kBase = 36, kTMin = 1, kTMax = 26, kSkew = 38, kDamp = 700;
constexpr std::uint64_t kFirstBias = 72, kFirstCode = 0x80, kLastCode = 0x10ffff;
/// Far above what a label of 63 octets reaches in good faith.
constexpr std::uint64_t kMost = std::uint64_t{1} << 32;

std::optional<std::uint64_t> digit_of(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<std::uint64_t>(c - 'a');
  if (c >= 'A' && c <= 'Z') return static_cast<std::uint64_t>(c - 'A');
  if (c >= '0' && c <= '9') return static_cast<std::uint64_t>(c - '0' + 26);
  return std::nullopt;
}

std::uint64_t adapted(std::uint64_t delta, std::uint64_t count, bool first) {
  delta /= first ? kDamp : 2;
  delta += delta / count;
  std::uint64_t k = 0;
  for (; delta > (kBase - kTMin) * kTMax / 2; k += kBase) delta /= kBase - kTMin;
  return k + (kBase - kTMin + 1) * delta / (delta + kSkew);
}

/// Takes one integer of variable length off `text`; empty if there is none.
std::optional<std::uint64_t> take_integer(std::string_view& text, std::uint64_t bias) {
  std::uint64_t value = 0, weight = 1;
  for (std::uint64_t k = kBase; value < kMost && weight < kMost; k += kBase) {
    const auto digit = text.empty() ? std::nullopt : digit_of(text.front());
    if (!digit) return std::nullopt;
    text.remove_prefix(1);
    value += *digit * weight;
    const std::uint64_t threshold = k <= bias ? kTMin : k >= bias + kTMax ? kTMax : k - bias;
    if (*digit < threshold) return value;
    weight *= kBase - threshold;
  }
  return std::nullopt;
}

bool is_character(std::uint64_t code) {
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  return code <= kLastCode && !is_surrogate;
}

}  // namespace

bool is_a_label(std::string_view label) {
  if (label.size() < 5 || (label[0] | 0x20) != 'x' || (label[1] | 0x20) != 'n' ||
      label.substr(2, 2) != "--")
    return false;
  std::string_view text = label.substr(4);
  // What stands before the last hyphen is ASCII; behind it is where the other characters go.
  const std::size_t hyphen = text.rfind('-');
  const bool has_ascii = hyphen != std::string_view::npos;
  if (has_ascii) text.remove_prefix(hyphen + 1);
  if (hyphen == 0 || text.empty()) return false;
  std::uint64_t count = has_ascii ? hyphen : 0;
  std::uint64_t code = kFirstCode, bias = kFirstBias, at = 0;
  for (bool first = true; !text.empty(); first = false) {
    const auto step = take_integer(text, bias);
    if (!step) return false;
    at += *step;
    ++count;
    bias = adapted(*step, count, first);
    code += at / count;
    at = at % count + 1;
    if (!is_character(code)) return false;
  }
  return true;
}

}  // namespace poolkey::requests
