// Attribute templates: built in order, handed to C_ calls as arrays that live as long as needed.
// May touch: base. Called by: object, key_pair, wrap, and everybody who describes an object.
#pragma once

#include <string_view>
#include <vector>

#include "base/attribute.h"
#include "base/bytes.h"
#include "hsm/cryptoki.h"

namespace poolkey::hsm {

/// An ordered list of attributes with their values. Order is kept: SoftHSM 2.6.1 wants
/// CKA_MODIFIABLE last in C_UnwrapKey.
class Template {
 public:
  Template& set(CK_ATTRIBUTE_TYPE type, bool value);
  Template& set(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& set(CK_ATTRIBUTE_TYPE type, ByteView value);
  Template& set(CK_ATTRIBUTE_TYPE type, std::string_view text) { return set(type, view(text)); }
  Template& set(CK_ATTRIBUTE_TYPE type, const char* text) {
    return set(type, std::string_view(text));
  }
  Template& set(CK_ATTRIBUTE_TYPE type, const std::vector<CK_MECHANISM_TYPE>& mechanisms);
  Template& set(CK_ATTRIBUTE_TYPE type, const Template& nested);
  /// Appends every attribute of a policy's set. Throws kUnsupported for an unknown name.
  Template& add(const AttributeSet& attributes);

  /// Appends the attributes of another template.
  Template& append(const Template& other);

  /// Takes out the attributes with these names. Throws kUnsupported for an unknown name.
  Template& leave_out(const std::vector<std::string>& names);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }

  /// The array for a C_ call; valid until the template changes or goes.
  CK_ATTRIBUTE* data();
  CK_ULONG count() const { return static_cast<CK_ULONG>(entries_.size()); }

 private:
  struct Entry {
    CK_ATTRIBUTE_TYPE type;
    Bytes value;
    std::vector<Template> nested;  // at most one; a vector because the type is incomplete here
  };
  std::vector<Entry> entries_;
  std::vector<CK_ATTRIBUTE> raw_;
};

}  // namespace poolkey::hsm
