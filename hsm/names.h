// Names of attributes and mechanisms, as policies and envelopes write them, by table.
// May touch: base. Called by: template, object, doctor-like listings, the CLI's explain.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "hsm/cryptoki.h"

namespace poolkey::hsm {

/// How the value of an attribute reads.
enum class AttributeKind { kBool, kUlong, kBytes, kMechanisms, kTemplate };

struct AttributeName {
  CK_ATTRIBUTE_TYPE type;
  std::string_view name;
  AttributeKind kind;
};

/// Throws kUnsupported for a name that is not in the table.
const AttributeName& attribute(std::string_view name);
/// "CKA_SIGN", or "CKA_0x..." for a type that is not in the table.
std::string attribute_name(CK_ATTRIBUTE_TYPE type);

/// Throws kUnsupported for a name that is not in the table.
CK_MECHANISM_TYPE mechanism(std::string_view name);
/// "CKM_ECDSA", or "CKM_0x...".
std::string mechanism_name(CK_MECHANISM_TYPE type);

}  // namespace poolkey::hsm
