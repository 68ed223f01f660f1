// How a request names the certificate template of a Microsoft CA (AD CS) that it is for.
// May touch: OpenSSL (in the .cc). Called by: csr of this folder; the type by requests.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

struct stack_st_X509_EXTENSION;

namespace poolkey::crypto {

/// A template, by its name or by its object identifier; both may be written, and mostly one is.
struct CertificateTemplate {
  std::string name{};  ///< "WebServer", the template's CN and not its display name; empty: none
  std::string oid{};   ///< dotted; empty: none
  std::optional<std::uint32_t> major{}, minor{};  ///< the version behind the OID; minor needs major
  bool operator==(const CertificateTemplate&) const = default;
};

/// Adds what is there of it, never critical (MS-WCCE 3.1.2.4.2.3): 1.3.6.1.4.1.311.20.2 as a bare
/// BMPString, as Windows writes it though MS-WCCE 2.2.2.7.7.1 has a SEQUENCE, and
/// 1.3.6.1.4.1.311.21.7 as SEQUENCE { OID, major, minor }. Throws kInvalidArgument for what cannot
/// be written.
void add_template(stack_st_X509_EXTENSION* list, const CertificateTemplate& what);

/// Reads both back, a name in either form. Throws kCorrupt for an extension that is there twice or
/// does not decode; a null list is empty.
CertificateTemplate read_template(const stack_st_X509_EXTENSION* list);

}  // namespace poolkey::crypto
