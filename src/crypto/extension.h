// What certificate requests and certificates share: subjects, names, usages.
// May touch: OpenSSL (in the .cc). Called by: crypto's csr and certificate, requests, app.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace poolkey::crypto {

/// A subject, written in the order of BR 7.1.4.2 (C, ST, L, O, OU, CN); empty parts are left out.
/// C is a PrintableString of two letters, the others are UTF8Strings.
struct DistinguishedName {
  std::string common_name{};
  std::string organization{};
  std::string organizational_unit{};
  std::string locality{};
  std::string state{};
  std::string country{};
  bool empty() const;
  bool operator==(const DistinguishedName&) const = default;
};

/// The bits of RFC 5280 section 4.2.1.3; the value is the bit's number.
enum class KeyUsage {
  kDigitalSignature = 0,
  kNonRepudiation = 1,
  kKeyEncipherment = 2,
  kDataEncipherment = 3,
  kKeyAgreement = 4,
  kKeyCertSign = 5,
  kCrlSign = 6,
  kEncipherOnly = 7,
  kDecipherOnly = 8,
};
using KeyUsages = std::set<KeyUsage>;

/// The name of RFC 5280: "digitalSignature".
std::string_view name(KeyUsage usage);
/// Throws kInvalidArgument listing the names that exist.
KeyUsage parse_key_usage(std::string_view text);

/// Extended key usages by OID.
inline constexpr std::string_view kServerAuth = "1.3.6.1.5.5.7.3.1";
inline constexpr std::string_view kClientAuth = "1.3.6.1.5.5.7.3.2";
inline constexpr std::string_view kOcspSigning = "1.3.6.1.5.5.7.3.9";
inline constexpr std::string_view kAnyExtendedKeyUsage = "2.5.29.37.0";
/// The OID of "serverAuth", "clientAuth" or "OCSPSigning"; dotted OIDs come back as they are.
/// Throws kInvalidArgument.
std::string parse_extended_key_usage(std::string_view text);

/// More names than this in one certificate or request are refused: public CAs issue at most some
/// hundreds, and the largest topology needs fewer.
inline constexpr std::size_t kMaxNames = 1000;

/// Subject alternative names by kind, in the order of the extension, octets as found.
struct AlternativeNames {
  std::vector<std::string> dns;
  std::vector<std::string> ip;  ///< as text: "131.107.155.10", "2001:db8::1"
  std::vector<std::string> email;
  std::vector<std::string> uri;
  std::size_t other = 0;  ///< how many of any other kind
  bool operator==(const AlternativeNames&) const = default;
};

}  // namespace poolkey::crypto
