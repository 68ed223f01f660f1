// Names that people give: pools, members, keys. Checked once, at the edge.
// May touch: std only. Called by: everybody above base.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace poolkey {

/// A name: 1 to 32 octets of [a-z0-9-], starting and ending with a letter or digit. Short enough
/// for a PKCS#11 token label, and safe in a path, a URI and a log line.
template <class Tag>
class Name {
 public:
  explicit Name(std::string_view text);
  const std::string& str() const { return text_; }
  auto operator<=>(const Name&) const = default;

 private:
  std::string text_;
};

struct PoolTag {
  static constexpr std::string_view kWhat = "pool";
};
struct MemberTag {
  static constexpr std::string_view kWhat = "member";
};
struct KeyTag {
  static constexpr std::string_view kWhat = "key";
};
using PoolName = Name<PoolTag>;
using MemberName = Name<MemberTag>;
using KeyName = Name<KeyTag>;

/// One version of a key; versions count from 1.
struct KeyVersion {
  KeyName key;
  std::uint32_t version;
  auto operator<=>(const KeyVersion&) const = default;
  /// "av-2027@3"; also the CKA_LABEL of the version's objects.
  std::string str() const { return key.str() + "@" + std::to_string(version); }
};

/// Reads "NAME@N". Throws kInvalidArgument.
KeyVersion parse_key_version(std::string_view text);

}  // namespace poolkey
