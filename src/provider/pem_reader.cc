#include "provider/pem_reader.h"

#include <array>

namespace poolkey::provider {
namespace {

/// In base64: a URI of the largest size, its neighbours, and line ends of two octets.
constexpr std::size_t kMaxBody = 2 * crypto::kMaxReferenceUri;

/// One line; of one that is longer than a body may be, its beginning. False at the end.
bool read_line(BIO* in, std::string& line) {
  std::array<char, 256> buffer;
  line.clear();
  for (;;) {
    const int size = BIO_gets(in, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0) return !line.empty();
    std::string_view part(buffer.data(), static_cast<std::size_t>(size));
    const bool is_end = part.back() == '\n';
    if (line.size() <= kMaxBody) line += part;
    if (is_end) break;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r' || line.back() == ' '))
    line.pop_back();
  return true;
}

/// "-----BEGIN X-----" gives X.
std::string label_of(std::string_view line) {
  constexpr std::string_view kBegin = "-----BEGIN ", kDashes = "-----";
  if (!line.starts_with(kBegin) || !line.ends_with(kDashes) ||
      line.size() <= kBegin.size() + kDashes.size())
    return {};
  return std::string(line.substr(kBegin.size(), line.size() - kBegin.size() - kDashes.size()));
}

[[noreturn]] void bad(const std::string& label, const std::string& what) {
  throw Error(Errc::kCorrupt, "the PEM block '" + label + "' " + what);
}

Bytes decoded(const std::string& label, const std::string& body) {
  try {
    return from_base64(body);
  } catch (const Error&) {
    bad(label, "is damaged: its contents are not base64");
  }
}

}  // namespace

std::optional<crypto::KeyReference> read_reference(BIO* in) {
  std::string line, label;
  do {
    if (!read_line(in, line)) return std::nullopt;
    label = label_of(line);
  } while (label.empty());
  const bool is_ours = label == crypto::kReferenceLabel || label == crypto::kPeerReferenceLabel;
  std::string body;
  const std::string end = "-----END " + label + "-----";
  for (;;) {
    if (!read_line(in, line)) {
      if (is_ours) bad(label, "has no end");
      return std::nullopt;
    }
    if (line == end) break;
    if (!is_ours) continue;
    if (body.size() + line.size() > kMaxBody) bad(label, "is too large for a key reference");
    body += line;
  }
  if (!is_ours) return std::nullopt;
  return crypto::parse_reference(label, decoded(label, body));
}

}  // namespace poolkey::provider
