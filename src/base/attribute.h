// PKCS#11 attributes by name, as policies, envelopes and receipts speak of them.
// May touch: std only. Called by: policy (makes them), hsm (turns them into CK_ATTRIBUTEs), pool.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace poolkey {

/// A boolean attribute, or a list of mechanism names ("CKM_ECDSA") for CKA_ALLOWED_MECHANISMS.
using AttributeValue = std::variant<bool, std::vector<std::string>>;

struct NamedAttribute {
  std::string name;  ///< "CKA_EXTRACTABLE"
  AttributeValue value;
  bool operator==(const NamedAttribute&) const = default;
};

/// In the order in which a template is written.
using AttributeSet = std::vector<NamedAttribute>;

}  // namespace poolkey
