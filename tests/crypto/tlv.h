// DER written octet by octet, for requests and certificates that no library would write.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace poolkey::test {

inline Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

/// Identifier, shortest length, content.
inline Bytes tlv(std::uint8_t identifier, const Bytes& content) {
  Bytes size;
  for (std::size_t left = content.size(); left > 0; left >>= 8)
    size.insert(size.begin(), static_cast<std::uint8_t>(left));
  if (content.size() >= 0x80)
    size.insert(size.begin(), static_cast<std::uint8_t>(0x80 | size.size()));
  if (size.empty()) size = {0};
  return joined({Bytes{identifier}, size, content});
}

inline Bytes sequence(std::initializer_list<Bytes> parts) { return tlv(0x30, joined(parts)); }
inline Bytes integer(const Bytes& octets) { return tlv(0x02, octets); }
/// Of hexadecimal digits: "2a8648ce3d0201".
inline Bytes oid(std::string_view digits) { return tlv(0x06, from_hex(digits)); }

/// Name with one common name, UTF8String.
inline Bytes common_name(const std::string& value) {
  return sequence({tlv(0x31, sequence({oid("550403"), tlv(0x0c, to_bytes(value))}))});
}

/// Extension of subjectAltName, DNS names as given.
inline Bytes dns_names(const std::vector<std::string>& names) {
  Bytes list;
  for (const std::string& name : names) {
    const Bytes one = tlv(0x82, to_bytes(name));
    list.insert(list.end(), one.begin(), one.end());
  }
  return sequence({oid("551d11"), tlv(0x04, tlv(0x30, list))});
}

/// What a request or certificate says, where it differs from an ordinary one.
struct Oddity {
  Bytes version{};  ///< empty: the ordinary one
  Bytes serial{0x01};
  Bytes name = common_name("sip.contoso.com");
  Bytes extensions = dns_names({"sip.contoso.com"});  ///< their SEQUENCE's content
};

/// ecdsa-with-SHA256, and a signature that is none: nobody has signed these.
inline Bytes unsigned_document(const Bytes& tbs) {
  return sequence({tbs, sequence({oid("2a8648ce3d040302")}), tlv(0x03, {0x00, 0x30, 0x00})});
}

inline Bytes odd_request(const Bytes& spki, const Oddity& odd = {}) {
  const Bytes version = odd.version.empty() ? integer({0}) : integer(odd.version);
  const Bytes attribute =
      sequence({oid("2a864886f70d01090e"), tlv(0x31, tlv(0x30, odd.extensions))});
  return unsigned_document(sequence({version, odd.name, spki, tlv(0xa0, attribute)}));
}

inline Bytes odd_certificate(const Bytes& spki, const Oddity& odd = {}) {
  const Bytes version = tlv(0xa0, integer(odd.version.empty() ? Bytes{2} : odd.version));
  const Bytes time = tlv(0x17, to_bytes("261122000000Z"));
  return unsigned_document(
      sequence({version, integer(odd.serial), sequence({oid("2a8648ce3d040302")}), odd.name,
                sequence({time, time}), odd.name, spki, tlv(0xa3, tlv(0x30, odd.extensions))}));
}

}  // namespace poolkey::test
