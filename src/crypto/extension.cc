#include "crypto/extension.h"

#include <array>

#include "crypto/openssl.h"

namespace poolkey::crypto {
namespace {

struct UsageRow {
  KeyUsage usage;
  std::string_view name;
};
constexpr std::array kUsages{
    UsageRow{KeyUsage::kDigitalSignature, "digitalSignature"},
    UsageRow{KeyUsage::kNonRepudiation, "nonRepudiation"},
    UsageRow{KeyUsage::kKeyEncipherment, "keyEncipherment"},
    UsageRow{KeyUsage::kDataEncipherment, "dataEncipherment"},
    UsageRow{KeyUsage::kKeyAgreement, "keyAgreement"},
    UsageRow{KeyUsage::kKeyCertSign, "keyCertSign"},
    UsageRow{KeyUsage::kCrlSign, "cRLSign"},
    UsageRow{KeyUsage::kEncipherOnly, "encipherOnly"},
    UsageRow{KeyUsage::kDecipherOnly, "decipherOnly"},
};

}  // namespace

bool DistinguishedName::empty() const { return *this == DistinguishedName{}; }

std::string_view name(KeyUsage usage) { return kUsages[static_cast<std::size_t>(usage)].name; }

KeyUsage parse_key_usage(std::string_view text) {
  std::string known;
  for (const UsageRow& row : kUsages) {
    if (row.name == text) return row.usage;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(text) + "' is no key usage; there are " + known);
}

std::string parse_extended_key_usage(std::string_view text) {
  if (text == "serverAuth") return std::string(kServerAuth);
  if (text == "clientAuth") return std::string(kClientAuth);
  if (text == "OCSPSigning") return std::string(kOcspSigning);
  const std::string oid(text);
  const ErrorMark mark;
  if (!Asn1ObjectPtr(OBJ_txt2obj(oid.c_str(), 1)))
    throw Error(Errc::kInvalidArgument,
                "'" + oid + "' is no extended key usage; write serverAuth, clientAuth or an OID");
  return oid;
}

}  // namespace poolkey::crypto
