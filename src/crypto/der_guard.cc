#include "crypto/der_guard.h"

#include <optional>

#include "base/error.h"

namespace poolkey::crypto {
namespace {

/// Where a walk stands: offsets from the first octet of the document.
struct Header {
  std::size_t content = 0;  ///< where the content begins
  std::size_t length = 0;
  bool indefinite = false;
};

/// What is wrong with an element, as the end of a sentence.
using Fault = std::optional<std::string>;

Fault not_der(const std::string& why) { return why + " (this is BER, not DER)"; }

/// The identifier's octets after the first; `at` then stands at the length.
Fault read_number(ByteView all, std::size_t& at, std::size_t end) {
  if ((all[at++] & 0x1fU) != 0x1f) return {};
  for (int octets = 0;; ++octets) {
    if (at == end) return "it ends within an identifier";
    if (octets == 4) return "an identifier has more than 4 octets";
    if ((all[at++] & 0x80U) == 0) return {};
  }
}

Fault read_length(ByteView all, std::size_t& at, std::size_t end, Encoding encoding, Header& out) {
  if (at == end) return "it ends before a length";
  const std::uint8_t first = all[at++];
  if (first < 0x80) {
    out.length = first;
    return {};
  }
  if (first == 0x80) {
    out.indefinite = true;
    return encoding == Encoding::kDer ? not_der("an element has an indefinite length") : Fault{};
  }
  const std::size_t octets = first & 0x7fU;
  if (octets > 4) return "a length has " + std::to_string(octets) + " octets";
  if (end - at < octets) return "it ends within a length";
  for (std::size_t i = 0; i < octets; ++i) out.length = out.length << 8 | all[at++];
  const bool shortest = out.length >= 0x80 && out.length >> (8 * (octets - 1)) != 0;
  if (encoding == Encoding::kDer && !shortest)
    return not_der("a length is written with more octets than it needs");
  return {};
}

Fault read_header(ByteView all, std::size_t at, std::size_t end, Encoding encoding, Header& out) {
  const std::uint8_t identifier = all[at];
  if (Fault fault = read_number(all, at, end)) return fault;
  if (Fault fault = read_length(all, at, end, encoding, out)) return fault;
  out.content = at;
  const bool constructed = (identifier & 0x20U) != 0;
  if (out.indefinite && !constructed) return "an element without parts has an indefinite length";
  if (!out.indefinite && out.length > end - at)
    return "an element of " + std::to_string(out.length) + " octets is said to follow, and " +
           std::to_string(end - at) + " are left";
  if ((identifier & 0xc0U) != 0) return {};
  const std::uint8_t number = identifier & 0x1fU;
  const bool has_parts = number == (kSequence & 0x1fU) || number == (kSet & 0x1fU);
  if (number == 0) return "two end octets stand where nothing has an end";
  if (has_parts && !constructed) return "a SEQUENCE or SET is written as a plain value";
  // EXTERNAL (8) and EMBEDDED PDV (11) have parts as well.
  if (encoding == Encoding::kDer && constructed && !has_parts && number != 8 && number != 11)
    return not_der("a value is written in parts");
  return {};
}

bool at_end_octets(ByteView all, std::size_t at, std::size_t end) {
  return end - at >= 2 && all[at] == 0 && all[at + 1] == 0;
}

/// One walk through a document. `end` of each call is where the element around it ends.
struct Walk {
  ByteView all;
  Encoding encoding;
  std::size_t fault_at = 0;

  /// Leaves `at` behind the element.
  Fault element(std::size_t& at, std::size_t end, int depth) {
    fault_at = at;
    if (depth > kMaxDepth)
      return "elements stand within each other more than " + std::to_string(kMaxDepth) + " deep";
    Header header;
    const bool constructed = (all[at] & 0x20U) != 0;
    if (Fault fault = read_header(all, at, end, encoding, header)) return fault;
    const std::size_t start = at;
    at = header.content;
    if (header.indefinite) return until_end_octets(at, end, depth, start);
    const std::size_t content_end = header.content + header.length;
    while (constructed && at < content_end)
      if (Fault fault = element(at, content_end, depth + 1)) return fault;
    at = content_end;
    return {};
  }

  Fault until_end_octets(std::size_t& at, std::size_t end, int depth, std::size_t start) {
    while (!at_end_octets(all, at, end)) {
      if (at == end) {
        fault_at = start;
        return "an element of indefinite length has no end";
      }
      if (Fault fault = element(at, end, depth + 1)) return fault;
    }
    at += 2;
    return {};
  }
};

}  // namespace

bool next_element(ByteView& rest, Element& out) {
  if (rest.empty()) return false;
  Header header;
  if (read_header(rest, 0, rest.size(), Encoding::kBer, header)) return false;
  std::size_t after = header.content + header.length;
  if (header.indefinite) {
    Walk walk{rest, Encoding::kBer};
    after = 0;
    if (walk.element(after, rest.size(), 0)) return false;
  }
  const std::size_t content_end = header.indefinite ? after - 2 : after;
  out = {rest[0], rest.first(after), rest.subspan(header.content, content_end - header.content)};
  rest = rest.subspan(after);
  return true;
}

std::size_t count_elements(ByteView content, std::size_t enough) {
  std::size_t out = 0;
  for (Element e; out < enough && next_element(content, e);) ++out;
  return out;
}

void check_der(ByteView octets, std::string_view what, Encoding encoding, std::size_t limit) {
  const std::string subject(what);
  if (octets.empty()) throw Error(Errc::kCorrupt, subject + " is empty; get it again");
  if (octets.size() > limit)
    throw Error(Errc::kInvalidArgument, subject + " has " + std::to_string(octets.size()) +
                                            " octets; at most " + std::to_string(limit) +
                                            " are read");
  Walk walk{octets, encoding};
  std::size_t at = 0;
  if (const Fault fault = walk.element(at, octets.size(), 0))
    throw Error(Errc::kCorrupt, subject + " is damaged at octet " + std::to_string(walk.fault_at) +
                                    ": " + *fault + "; get it again");
  if (at != octets.size())
    throw Error(Errc::kCorrupt, subject + " ends at octet " + std::to_string(at) + ", and " +
                                    std::to_string(octets.size() - at) +
                                    " octets stand behind it; remove them, or get it again");
}

}  // namespace poolkey::crypto
