// What certificate requests and certificates have in common, as found: neither right nor wrong.
// May touch: nothing. Called by: crypto's csr and certificate, requests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "crypto/extension.h"
#include "crypto/public_key.h"

namespace poolkey::crypto {

/// How a part of a subject is written (X.680); names of DNS and mail are IA5.
enum class StringKind { kPrintable, kUtf8, kIa5, kOther };

/// One part of a subject.
struct NameAttribute {
  std::string oid;    ///< dotted
  std::string value;  ///< in UTF-8
  StringKind kind;
  int rdn;  ///< counts from 0; parts with one number share an RDN
};

/// What a list of extensions says; empty where an extension is not there.
struct ExtensionFacts {
  AlternativeNames sans;
  bool has_san = false;
  bool san_critical = false;
  std::vector<std::string> extended_key_usage;  ///< dotted OIDs
  bool eku_critical = false;
  std::optional<KeyUsages> key_usage;
  bool key_usage_critical = false;
  bool is_ca = false;                                ///< basicConstraints CA:TRUE
  std::vector<std::string> crl_distribution_points;  ///< URLs
  std::vector<std::string> ca_issuers;               ///< URLs (AIA)
  std::vector<std::string> ocsp;                     ///< URLs (AIA)
};

struct X509Content : ExtensionFacts {
  std::string subject;  ///< RFC 2253 style, in the order written: "O=Contoso, CN=sip.contoso.com"
  std::vector<NameAttribute> attributes;  ///< the subject's, in the order written
  DistinguishedName name;                 ///< the first value of each kind
  std::vector<std::string> common_names;
  std::vector<std::string> organizational_units;
  PublicKey public_key;
  Bytes key_algorithm;              ///< DER of the AlgorithmIdentifier in the SPKI, as written
  std::string signature_algorithm;  ///< "sha256WithRSAEncryption", "ecdsa-with-SHA256"

  explicit X509Content(PublicKey key) : public_key(std::move(key)) {}
};

}  // namespace poolkey::crypto
