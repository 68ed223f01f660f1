#include "hsm/template.h"

#include <cstring>

#include "hsm/names.h"

namespace poolkey::hsm {
namespace {

template <class T>
Bytes octets_of(const T* values, std::size_t count) {
  Bytes out(count * sizeof(T));
  if (count > 0) std::memcpy(out.data(), values, out.size());
  return out;
}

}  // namespace

Template& Template::set(CK_ATTRIBUTE_TYPE type, bool value) {
  entries_.push_back({type, Bytes{static_cast<std::uint8_t>(value ? CK_TRUE : CK_FALSE)}, {}});
  return *this;
}

Template& Template::set(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  entries_.push_back({type, octets_of(&value, 1), {}});
  return *this;
}

Template& Template::set(CK_ATTRIBUTE_TYPE type, ByteView value) {
  entries_.push_back({type, Bytes(value.begin(), value.end()), {}});
  return *this;
}

Template& Template::set(CK_ATTRIBUTE_TYPE type, const std::vector<CK_MECHANISM_TYPE>& mechanisms) {
  entries_.push_back({type, octets_of(mechanisms.data(), mechanisms.size()), {}});
  return *this;
}

Template& Template::set(CK_ATTRIBUTE_TYPE type, const Template& nested) {
  entries_.push_back({type, {}, {nested}});
  return *this;
}

Template& Template::add(const AttributeSet& attributes) {
  for (const NamedAttribute& named : attributes) {
    const CK_ATTRIBUTE_TYPE type = attribute(named.name).type;
    if (const bool* truth = std::get_if<bool>(&named.value)) {
      set(type, *truth);
    } else {
      std::vector<CK_MECHANISM_TYPE> mechanisms;
      for (const std::string& m : std::get<std::vector<std::string>>(named.value))
        mechanisms.push_back(mechanism(m));
      set(type, mechanisms);
    }
  }
  return *this;
}

Template& Template::append(const Template& other) {
  entries_.insert(entries_.end(), other.entries_.begin(), other.entries_.end());
  return *this;
}

Template& Template::leave_out(const std::vector<std::string>& names) {
  for (const std::string& name : names)
    std::erase_if(entries_,
                  [type = attribute(name).type](const Entry& e) { return e.type == type; });
  return *this;
}

CK_ATTRIBUTE* Template::data() {
  raw_.clear();
  for (Entry& entry : entries_) {
    if (entry.nested.empty()) {
      raw_.push_back({entry.type, entry.value.data(), static_cast<CK_ULONG>(entry.value.size())});
    } else {
      Template& nested = entry.nested.front();
      CK_ATTRIBUTE* inner = nested.data();
      raw_.push_back(
          {entry.type, inner, static_cast<CK_ULONG>(nested.size() * sizeof(CK_ATTRIBUTE))});
    }
  }
  return raw_.data();
}

}  // namespace poolkey::hsm
