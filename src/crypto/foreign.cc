#include "crypto/foreign.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include "base/error.h"
#include "crypto/der_guard.h"
#include "crypto/pem.h"

namespace poolkey::crypto {
namespace {

/// One letter for each element of a level, the first eight of them.
std::string outline(ByteView content) {
  constexpr std::size_t kEnough = 8;
  std::string out;
  for (Element e; out.size() < kEnough && next_element(content, e);) {
    const unsigned tag_class = e.identifier >> 6U, number = e.identifier & 0x1fU;
    if (tag_class == 2)
      out += static_cast<char>('0' + number % 10);
    else if (tag_class == 0)
      // Universal numbers: 2 INTEGER, 3 BIT STRING, 4 OCTET STRING, 6 OID, 10 ENUMERATED, 16
      // SEQUENCE, 17 SET, 23 and 24 times.
      out += "??IBo?O???E?????ST?????UU???????"[number];
    else
      out += '?';
  }
  return out;
}

/// Exactly the pattern, or what begins with it where it ends with '*'.
bool fits(std::string_view outline, std::string_view pattern) {
  if (!pattern.ends_with('*')) return outline == pattern;
  return outline.starts_with(pattern.substr(0, pattern.size() - 1));
}

struct Shape {
  std::string_view outer;  ///< the parts of the whole
  std::string_view first;  ///< the parts of its first part that is a SEQUENCE; "*": not looked at
  Kind kind;
};
/// The first row that fits counts.
constexpr std::array kShapes{
    Shape{"SSB", "0ISSSS*", Kind::kCertificate},
    Shape{"SSB", "ISSSSS*", Kind::kCertificate},  // version 1
    Shape{"SSB", "ISS", Kind::kRequest},          // without its attributes, which some leave out
    Shape{"SSB", "ISS0*", Kind::kRequest},
    Shape{"SSB", "ISSU*", Kind::kCrl},
    Shape{"SSB", "SSU*", Kind::kCrl},  // version 1
    Shape{"O0", "*", Kind::kOtherCms},
    Shape{"SB", "O*", Kind::kPublicKey},
    Shape{"II", "*", Kind::kPublicKey},
    Shape{"E0", "*", Kind::kOcspResponse},
    Shape{"E", "*", Kind::kOcspResponse},
    Shape{"ISo*", "O*", Kind::kPrivateKey},  // PKCS#8
    Shape{"Io*", "*", Kind::kPrivateKey},    // SEC 1
    Shape{"IIIIII*", "*", Kind::kPrivateKey},
    Shape{"So", "O*", Kind::kPrivateKey},  // PKCS#8, encrypted
    Shape{"IS", "O0", Kind::kPfx},
    Shape{"ISS", "O0", Kind::kPfx},
};

constexpr std::array<std::uint8_t, 9> kSignedDataOid{0x2a, 0x86, 0x48, 0x86, 0xf7,
                                                     0x0d, 0x01, 0x07, 0x02};

struct KindName {
  Kind kind;
  std::string_view name;
};
constexpr std::array kNames{
    KindName{Kind::kCertificate, "a certificate"},
    KindName{Kind::kRequest, "a certificate request (PKCS#10)"},
    KindName{Kind::kCrl, "a certificate revocation list"},
    KindName{Kind::kSignedData, "a PKCS#7 or CMS document"},
    KindName{Kind::kOtherCms, "a CMS document that is not SignedData"},
    KindName{Kind::kPublicKey, "a public key"},
    KindName{Kind::kOcspResponse, "an OCSP response"},
    KindName{Kind::kPrivateKey, "a private key"},
    KindName{Kind::kPfx, "a PKCS#12 file (PFX), which holds a private key"},
    KindName{Kind::kUnknown, "something unknown"},
};

/// Labels of private keys (RFC 7468 10 and 11, RFC 5915, OpenSSL's older ones): encrypted ones
/// cannot be told by their content.
bool names_private_key(std::string_view label) { return label.ends_with("PRIVATE KEY"); }

bool begins_with(std::string_view text, std::string_view lower_case_start) {
  return std::ranges::equal(
      text.substr(0, lower_case_start.size()), lower_case_start,
      [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::string_view without_leading_blanks(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text.substr(std::min(text.find_first_not_of(" \t\r\n\f\v"), text.size()));
}

/// What a text is that holds nothing of ours; empty where nobody knows.
std::string_view what_text(std::string_view text) {
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return "it is UTF-16 text, as Windows writes it; save it again as ASCII or UTF-8";
  const std::string_view start = without_leading_blanks(text);
  if (start.empty()) return "it is empty";
  // "-" and "M" are what PEM and base64 of a SEQUENCE begin with.
  if (text.size() > 1 && (text[0] == '\0' || text[1] == '\0') &&
      (text[0] == '-' || text[1] == '-' || text[0] == 'M' || text[1] == 'M'))
    return "it is UTF-16 text, as Windows writes it; save it again as ASCII or UTF-8";
  for (const std::string_view tag : {"<!doctype html", "<html", "<head", "<body", "<?xml"})
    if (begins_with(start, tag))
      return "it is a web page: a proxy or a login page answered in the CA's place; open it and "
             "see";
  return {};
}

/// A SEQUENCE begins like the digit 0, with which a text may begin; then control characters follow.
bool is_der(ByteView file) {
  const auto control = [](std::uint8_t c) { return c < 0x20 && !(c >= '\t' && c <= '\r'); };
  return file.size() > 1 && file[0] == kSequence &&
         (file[1] >= 0x80 ||
          std::ranges::any_of(file.first(std::min<std::size_t>(64, file.size())), control));
}

std::optional<Bytes> unarmoured(std::string_view text) {
  text = without_leading_blanks(text);
  if (!text.starts_with('M')) return {};  // 0x30, as base64
  try {
    return from_base64(text);
  } catch (const Error&) {
    return {};
  }
}

/// The certificate of OpenSSL's TRUSTED CERTIFICATE, which has more behind it.
void cut_trust(Bytes& content) {
  ByteView rest = content;
  if (Element e; next_element(rest, e)) content.resize(e.whole.size());
}

[[noreturn]] void refuse_private(const ForeignItem& item) {
  throw Error(Errc::kCorrupt,
              "the file holds " + std::string(name(item.kind)) + item.where +
                  ". A private key must not be sent to anybody: delete the file wherever it went, "
                  "take the key for known to others, and have a certificate made for a new one");
}

void examine(ForeignItem& item, bool encrypted) {
  if (names_private_key(item.label)) {
    item.kind = Kind::kPrivateKey;
    refuse_private(item);
  }
  if (encrypted)
    throw Error(Errc::kCorrupt, "the block '" + item.label + "'" + item.where +
                                    " is encrypted; get it again in the clear");
  if (item.label == "TRUSTED CERTIFICATE") cut_trust(item.content);
  item.kind = recognise(item.content);
  if (item.kind == Kind::kPrivateKey || item.kind == Kind::kPfx) refuse_private(item);
  const std::string what(item.kind == Kind::kUnknown ? "what the file holds" : name(item.kind));
  check_der(item.content, what + item.where, Encoding::kBer);
}

}  // namespace

std::string_view name(Kind kind) { return std::ranges::find(kNames, kind, &KindName::kind)->name; }

Kind recognise(ByteView ber) {
  Element whole, first;
  ByteView rest = ber;
  if (!next_element(rest, whole) || whole.identifier != kSequence) return Kind::kUnknown;
  const std::string outer = outline(whole.content);
  ByteView parts = whole.content;
  while (next_element(parts, first) && first.identifier != kSequence) {
  }
  const std::string inner = outline(first.content);
  const auto* const shape = std::ranges::find_if(
      kShapes, [&](const Shape& s) { return fits(outer, s.outer) && fits(inner, s.first); });
  if (shape == kShapes.end()) return Kind::kUnknown;
  if (shape->kind != Kind::kOtherCms) return shape->kind;
  ByteView content_info = whole.content;
  next_element(content_info, first);
  return std::ranges::equal(first.content, kSignedDataOid) ? Kind::kSignedData : Kind::kOtherCms;
}

std::vector<ForeignItem> read_foreign(ByteView file, std::string_view wanted) {
  const std::string no_such = "this is not " + std::string(wanted) + ": ";
  if (file.size() > kMaxForeign)
    throw Error(Errc::kInvalidArgument, no_such + "it has " + std::to_string(file.size()) +
                                            " octets, and at most " + std::to_string(kMaxForeign) +
                                            " are read");
  std::vector<ForeignItem> out;
  if (is_der(file)) {
    out.push_back({.content = Bytes(file.begin(), file.end())});
    examine(out.back(), false);
    return out;
  }
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  for (PemBlock& block : read_pem(text)) {
    out.push_back({.label = std::move(block.label),
                   .where = " at line " + std::to_string(block.line),
                   .content = std::move(block.content)});
    examine(out.back(), block.encrypted);
  }
  if (!out.empty()) return out;
  if (auto content = unarmoured(text)) {
    out.push_back({.content = std::move(*content)});
    examine(out.back(), false);
    return out;
  }
  const std::string_view known = what_text(text);
  throw Error(Errc::kCorrupt, no_such + (known.empty() ? "it is neither PEM nor DER nor base64"
                                                       : std::string(known)));
}

std::string what_instead(const std::vector<ForeignItem>& items) {
  std::string out;
  for (const ForeignItem& item : items) {
    if (out.find(name(item.kind)) != std::string::npos) continue;
    out += (out.empty() ? "" : ", ") + std::string(name(item.kind));
  }
  return out;
}

}  // namespace poolkey::crypto
