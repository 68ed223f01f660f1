#include "hsm/attributes.h"

#include <algorithm>
#include <cstring>

#include "hsm/names.h"
#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

/// More than any attribute that poolkey reads.
constexpr CK_ULONG kMaxAttribute = 1UL << 20;

/// Room for what keys tell, up to RSA-4096.
constexpr std::size_t kRoom = 512;
constexpr std::uint8_t kUnwritten = 0xA5;
/// NSS tells a number only where there is room for one number.
constexpr CK_ULONG room_for(CK_ATTRIBUTE_TYPE type) {
  return type == CKA_CLASS || type == CKA_KEY_TYPE ? sizeof(CK_ULONG) : kRoom;
}

/// Where one is not told the others are all the same (PKCS#11 v2.40 5.7.5). False: there is too
/// little room for one.
bool ask(Session& session, CK_OBJECT_HANDLE object, std::vector<CK_ATTRIBUTE>& attributes) {
  const CK_RV rv = session.fn().C_GetAttributeValue(session.handle(), object, attributes.data(),
                                                    static_cast<CK_ULONG>(attributes.size()));
  if (rv == CKR_BUFFER_TOO_SMALL) return false;
  if (rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE)
    check(rv, "read the attributes of an object");
  return true;
}

bool is_told(const CK_ATTRIBUTE& attribute) {
  return attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION;
}

/// Not where a module may tell another length than the one of what it wrote. Nothing at all is not
/// believed at the first word.
bool fills_what_it_tells(const CK_ATTRIBUTE& attribute) {
  const auto* value = static_cast<const std::uint8_t*>(attribute.pValue);
  const CK_ULONG size = attribute.ulValueLen;
  return size > 0 && size <= kRoom && value[size - 1] != kUnwritten &&
         (size == kRoom || value[size] == kUnwritten);
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
  if (!read_at_once(session, object, types)) read_by_sizes(session, object, types);
}

bool Attributes::read_at_once(Session& session, CK_OBJECT_HANDLE object,
                              std::span<const CK_ATTRIBUTE_TYPE> types) {
  Bytes room(types.size() * kRoom, kUnwritten);
  std::vector<CK_ATTRIBUTE> asked;
  for (std::size_t i = 0; i < types.size(); ++i)
    asked.push_back({types[i], room.data() + i * kRoom, room_for(types[i])});
  if (!ask(session, object, asked)) return false;
  std::erase_if(asked, [](const CK_ATTRIBUTE& a) { return !is_told(a); });
  if (!std::ranges::all_of(asked, fills_what_it_tells)) return false;
  for (const CK_ATTRIBUTE& attribute : asked) {
    const auto* value = static_cast<const std::uint8_t*>(attribute.pValue);
    told_.emplace_back(attribute.type, Bytes(value, value + attribute.ulValueLen));
  }
  return true;
}

void Attributes::read_by_sizes(Session& session, CK_OBJECT_HANDLE object,
                               std::span<const CK_ATTRIBUTE_TYPE> types) {
  std::vector<CK_ATTRIBUTE> asked;
  for (const CK_ATTRIBUTE_TYPE type : types)
    asked.push_back({type, nullptr, CK_UNAVAILABLE_INFORMATION});
  require(ask(session, object, asked), types.front());
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
  require(ask(session, object, asked), asked.front().type);
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
  Bytes values(types.size(), kUnwritten);
  std::vector<CK_ATTRIBUTE> asked;
  for (std::size_t i = 0; i < types.size(); ++i) asked.push_back({types[i], &values[i], 1});
  require(ask(session, object, asked), types.front());
  bool out = true;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (!is_told(asked[i])) continue;
    require(asked[i].ulValueLen == 1 && values[i] != kUnwritten, types[i]);
    out = out && values[i] != CK_FALSE;
  }
  return out;
}

}  // namespace poolkey::hsm
