#include "crypto/pem.h"

#include <algorithm>

#include "base/error.h"

namespace poolkey::crypto {
namespace {

constexpr std::string_view kBlanks = " \t\r\f\v";
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

/// The lines of a text, one after the other, without blanks around them.
struct Lines {
  std::string_view rest;
  std::size_t number = 0;

  bool next(std::string_view& out) {
    if (rest.empty()) return false;
    const auto end = rest.find('\n');
    out = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    ++number;
    return true;
  }
};

/// What stands between `start` and the closing dashes; empty where it is no such line. A label is
/// printable (RFC 7468 3), so that sentences can quote it.
std::string_view label_of(std::string_view line, std::string_view start) {
  constexpr std::size_t kLongest = 64;
  if (line.size() < start.size() + kDashes.size() || !line.starts_with(start) ||
      !line.ends_with(kDashes))
    return {};
  line = line.substr(start.size(), line.size() - start.size() - kDashes.size());
  const bool printable = std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; });
  return printable && line.size() <= kLongest ? line : std::string_view{};
}

[[noreturn]] void refuse(const PemBlock& block, const std::string& why) {
  throw Error(Errc::kCorrupt, "the block '" + block.label + "' at line " +
                                  std::to_string(block.line) + " " + why + "; get it again");
}

void read_block(Lines& lines, PemBlock& block) {
  std::string base64_text;
  std::string_view line;
  while (lines.next(line)) {
    if (line.starts_with(kEnd)) {
      if (label_of(line, kEnd) != block.label)
        refuse(block, "ends at line " + std::to_string(lines.number) + " with another name");
      try {
        block.content = from_base64(base64_text);
      } catch (const Error& error) {
        refuse(block, std::string("is damaged: ") + error.what());
      }
      return;
    }
    if (line.starts_with(kDashes)) break;
    // A header (RFC 1421 4.6); base64 has no colon.
    if (line.find(':') != std::string_view::npos)
      block.encrypted = block.encrypted || line.find("ENCRYPTED") != std::string_view::npos;
    else
      base64_text += line;
  }
  refuse(block, "has no line '-----END " + block.label + "-----'");
}

}  // namespace

std::vector<PemBlock> read_pem(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // UTF-8's mark
  std::vector<PemBlock> out;
  Lines lines{text};
  std::string_view line;
  while (lines.next(line)) {
    if (line.find(kBegin) == std::string_view::npos) continue;
    PemBlock block{.label = std::string(label_of(line, kBegin)), .line = lines.number};
    if (block.label.empty())
      throw Error(Errc::kCorrupt, "line " + std::to_string(lines.number) +
                                      " should be '-----BEGIN NAME-----' and nothing else; mend "
                                      "it, or get the file again");
    read_block(lines, block);
    out.push_back(std::move(block));
  }
  return out;
}

}  // namespace poolkey::crypto
