#include "hsm/attributes.h"

#include <algorithm>
#include <cstring>

#include "hsm/names.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

/// More than any attribute that poolkey reads.
constexpr CK_ULONG kMaxAttribute = 1UL << 20;

/// Where one is not told the others are all the same (PKCS#11 v2.40 5.7.5).
void ask(Session& session, CK_OBJECT_HANDLE object, std::vector<CK_ATTRIBUTE>& attributes) {
  const CK_RV rv = session.fn().C_GetAttributeValue(session.handle(), object, attributes.data(),
                                                    static_cast<CK_ULONG>(attributes.size()));
  if (rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE)
    check(rv, "read the attributes of an object");
}

bool is_told(const CK_ATTRIBUTE& attribute) {
  return attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
}

void require(bool plausible, CK_ATTRIBUTE_TYPE type) {
  if (!plausible)
    throw Error(Errc::kUnavailable, "cannot read " + attribute_name(type) +
                                        ": the module gives a length that is not the one of what "
                                        "it gives; nothing of it was used");
}

}  // namespace

Attributes::Attributes(Session& session, CK_OBJECT_HANDLE object,
                       std::span<const CK_ATTRIBUTE_TYPE> types) {
  std::vector<CK_ATTRIBUTE> asked;
  for (const CK_ATTRIBUTE_TYPE type : types)
    asked.push_back({type, nullptr, CK_UNAVAILABLE_INFORMATION});
  ask(session, object, asked);
  std::erase_if(asked, [](const CK_ATTRIBUTE& a) { return !is_told(a); });
  if (asked.empty()) return;
  std::vector<CK_ULONG> sizes;
  for (CK_ATTRIBUTE& attribute : asked) {
    require(attribute.ulValueLen <= kMaxAttribute, attribute.type);
    sizes.push_back(attribute.ulValueLen);
    // Room in any case: that there is nothing is not believed at the first word.
    told_.emplace_back(attribute.type, Bytes(std::max<std::size_t>(attribute.ulValueLen, 1)));
    attribute.pValue = told_.back().second.data();
    attribute.ulValueLen = static_cast<CK_ULONG>(told_.back().second.size());
  }
  ask(session, object, asked);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (!is_told(asked[i])) continue;
    require(asked[i].ulValueLen == sizes[i], asked[i].type);
    told_[i].second.resize(sizes[i]);
  }
  for (std::size_t i = asked.size(); i-- > 0;)
    if (!is_told(asked[i])) told_.erase(told_.begin() + static_cast<std::ptrdiff_t>(i));
}

const Bytes* Attributes::find(CK_ATTRIBUTE_TYPE type) const {
  for (const auto& [known, value] : told_)
    if (known == type) return &value;
  return nullptr;
}

Bytes Attributes::bytes(CK_ATTRIBUTE_TYPE type) const {
  const Bytes* value = find(type);
  return value != nullptr ? *value : Bytes{};
}

std::optional<CK_ULONG> Attributes::number(CK_ATTRIBUTE_TYPE type) const {
  const Bytes* value = find(type);
  CK_ULONG out;
  if (value == nullptr || value->size() != sizeof out) return std::nullopt;
  std::memcpy(&out, value->data(), sizeof out);
  return out;
}

bool none_is_false(Session& session, CK_OBJECT_HANDLE object,
                   std::span<const CK_ATTRIBUTE_TYPE> types) {
  constexpr CK_BBOOL kUnwritten = 0xA5;
  Bytes values(types.size(), kUnwritten);
  std::vector<CK_ATTRIBUTE> asked;
  for (std::size_t i = 0; i < types.size(); ++i) asked.push_back({types[i], &values[i], 1});
  ask(session, object, asked);
  bool out = true;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (!is_told(asked[i])) continue;
    require(asked[i].ulValueLen == 1 && values[i] != kUnwritten, types[i]);
    out = out && values[i] != CK_FALSE;
  }
  return out;
}

}  // namespace poolkey::hsm
