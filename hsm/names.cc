#include "hsm/names.h"

#include <fmt/format.h>

#include <array>

#include "base/error.h"

namespace poolkey::hsm {
namespace {

#define ROW(type, kind) \
  AttributeName { type, #type, kind }
constexpr std::array kAttributes{
    ROW(CKA_CLASS, AttributeKind::kUlong),
    ROW(CKA_TOKEN, AttributeKind::kBool),
    ROW(CKA_PRIVATE, AttributeKind::kBool),
    ROW(CKA_LABEL, AttributeKind::kBytes),
    ROW(CKA_ID, AttributeKind::kBytes),
    ROW(CKA_KEY_TYPE, AttributeKind::kUlong),
    ROW(CKA_TRUSTED, AttributeKind::kBool),
    ROW(CKA_SENSITIVE, AttributeKind::kBool),
    ROW(CKA_EXTRACTABLE, AttributeKind::kBool),
    ROW(CKA_WRAP_WITH_TRUSTED, AttributeKind::kBool),
    ROW(CKA_LOCAL, AttributeKind::kBool),
    ROW(CKA_ALWAYS_SENSITIVE, AttributeKind::kBool),
    ROW(CKA_NEVER_EXTRACTABLE, AttributeKind::kBool),
    ROW(CKA_ENCRYPT, AttributeKind::kBool),
    ROW(CKA_DECRYPT, AttributeKind::kBool),
    ROW(CKA_SIGN, AttributeKind::kBool),
    ROW(CKA_SIGN_RECOVER, AttributeKind::kBool),
    ROW(CKA_VERIFY, AttributeKind::kBool),
    ROW(CKA_VERIFY_RECOVER, AttributeKind::kBool),
    ROW(CKA_WRAP, AttributeKind::kBool),
    ROW(CKA_UNWRAP, AttributeKind::kBool),
    ROW(CKA_DERIVE, AttributeKind::kBool),
    ROW(CKA_MODIFIABLE, AttributeKind::kBool),
    ROW(CKA_COPYABLE, AttributeKind::kBool),
    ROW(CKA_DESTROYABLE, AttributeKind::kBool),
    ROW(CKA_ALLOWED_MECHANISMS, AttributeKind::kMechanisms),
    ROW(CKA_UNWRAP_TEMPLATE, AttributeKind::kTemplate),
    ROW(CKA_WRAP_TEMPLATE, AttributeKind::kTemplate),
    ROW(CKA_MODULUS, AttributeKind::kBytes),
    ROW(CKA_MODULUS_BITS, AttributeKind::kUlong),
    ROW(CKA_PUBLIC_EXPONENT, AttributeKind::kBytes),
    ROW(CKA_EC_PARAMS, AttributeKind::kBytes),
    ROW(CKA_EC_POINT, AttributeKind::kBytes),
    ROW(CKA_VALUE, AttributeKind::kBytes),
    ROW(CKA_VALUE_LEN, AttributeKind::kUlong),
    ROW(CKA_CERTIFICATE_TYPE, AttributeKind::kUlong),
    ROW(CKA_SUBJECT, AttributeKind::kBytes),
    ROW(CKA_ISSUER, AttributeKind::kBytes),
    ROW(CKA_SERIAL_NUMBER, AttributeKind::kBytes),
    ROW(CKA_APPLICATION, AttributeKind::kBytes),
    ROW(CKA_KEY_GEN_MECHANISM, AttributeKind::kUlong),
    ROW(CKA_PRIVATE_EXPONENT, AttributeKind::kBytes),
};
#undef ROW

struct MechanismName {
  CK_MECHANISM_TYPE type;
  std::string_view name;
};

#define ROW(type) \
  MechanismName { type, #type }
constexpr std::array kMechanisms{
    ROW(CKM_RSA_PKCS_KEY_PAIR_GEN),
    ROW(CKM_EC_KEY_PAIR_GEN),
    ROW(CKM_AES_KEY_GEN),
    ROW(CKM_RSA_PKCS),
    ROW(CKM_RSA_PKCS_PSS),
    ROW(CKM_RSA_PKCS_OAEP),
    ROW(CKM_RSA_X_509),
    ROW(CKM_SHA256_RSA_PKCS),
    ROW(CKM_SHA384_RSA_PKCS),
    ROW(CKM_SHA512_RSA_PKCS),
    ROW(CKM_ECDSA),
    ROW(CKM_ECDH1_DERIVE),
    ROW(CKM_AES_ECB),
    ROW(CKM_AES_CBC),
    ROW(CKM_AES_CBC_PAD),
    ROW(CKM_AES_KEY_WRAP),
    ROW(CKM_AES_KEY_WRAP_PAD),
    MechanismName{kAesKeyWrapKwp, "CKM_AES_KEY_WRAP_KWP"},
    ROW(CKM_RSA_AES_KEY_WRAP),
    ROW(CKM_SHA_1),
    ROW(CKM_SHA256),
    ROW(CKM_SHA384),
    ROW(CKM_SHA512),
};
#undef ROW

}  // namespace

const AttributeName& attribute(std::string_view name) {
  for (const AttributeName& row : kAttributes)
    if (row.name == name) return row;
  throw Error(Errc::kUnsupported, "'" + std::string(name) + "' is not a PKCS#11 attribute we know");
}

std::string attribute_name(CK_ATTRIBUTE_TYPE type) {
  for (const AttributeName& row : kAttributes)
    if (row.type == type) return std::string(row.name);
  return fmt::format("CKA_0x{:08X}", type);
}

CK_MECHANISM_TYPE mechanism(std::string_view name) {
  for (const MechanismName& row : kMechanisms)
    if (row.name == name) return row.type;
  throw Error(Errc::kUnsupported, "'" + std::string(name) + "' is not a PKCS#11 mechanism we know");
}

std::string mechanism_name(CK_MECHANISM_TYPE type) {
  for (const MechanismName& row : kMechanisms)
    if (row.type == type) return std::string(row.name);
  return fmt::format("CKM_0x{:08X}", type);
}

}  // namespace poolkey::hsm
