// The outline of DER and BER (X.690): looked through before OpenSSL sees octets of a stranger, so
// that what is damaged or meant to harm gets a sentence with a place, in bounded time and without a
// copy. May touch: std only. Called by: crypto, and tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace poolkey::crypto {

/// A foreign file or document with more octets is refused unread: 4 MiB hold 2,000 certificates.
inline constexpr std::size_t kMaxForeign = 4U << 20;
/// One certificate or request: with kMaxNames names of 253 octets it has half of this.
inline constexpr std::size_t kMaxDocument = 512U << 10;
/// How deep elements may stand within each other; OpenSSL ends at 30 for what it decodes.
inline constexpr int kMaxDepth = 32;

enum class Encoding {
  kDer,  ///< one way to write each thing (RFC 5280 4.1, RFC 2986 4)
  kBer,  ///< CMS and PKCS#7 may have indefinite lengths and strings in parts (RFC 5652 5.1)
};

/// One element: identifier, length, content.
struct Element {
  std::uint8_t identifier = 0;  ///< the first octet: class, "constructed", number up to 30
  ByteView whole{};
  ByteView content{};  ///< without the two end octets of an indefinite length

  bool is_constructed() const { return (identifier & 0x20U) != 0; }
};

inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;

/// Takes the first element from `rest`. False where `rest` is empty or does not begin with a whole
/// element in BER: meant for octets that check_der() has seen.
bool next_element(ByteView& rest, Element& out);

/// Throws kCorrupt unless `octets` are exactly one element, whole down to its last part: "the
/// certificate is cut off: ..., at octet 4". `what` is the subject of the sentence. Values are not
/// looked at, nor what stands inside OCTET STRINGs. Throws kInvalidArgument over `limit` octets.
void check_der(ByteView octets, std::string_view what, Encoding encoding = Encoding::kDer,
               std::size_t limit = kMaxForeign);

/// How many elements stand in `content` one beside the other; counts to `enough` and no further.
std::size_t count_elements(ByteView content, std::size_t enough);

}  // namespace poolkey::crypto
