#include "base/ids.h"

#include <charconv>

#include "base/error.h"

namespace poolkey {
namespace {

constexpr std::size_t kMaxNameLength = 32;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

void check_name(std::string_view what, std::string_view text) {
  bool good = !text.empty() && text.size() <= kMaxNameLength && is_alnum(text.front()) &&
              is_alnum(text.back());
  for (char c : text) good = good && (is_alnum(c) || c == '-');
  if (!good)
    throw Error(Errc::kInvalidArgument,
                "'" + std::string(text.substr(0, 64)) + "' is not a " + std::string(what) +
                    " name: use 1 to 32 of a-z, 0-9 and '-', with a letter or digit at both ends");
}

}  // namespace

template <class Tag>
Name<Tag>::Name(std::string_view text) : text_(text) {
  check_name(Tag::kWhat, text);
}

template class Name<PoolTag>;
template class Name<MemberTag>;
template class Name<KeyTag>;

KeyVersion parse_key_version(std::string_view text) {
  const auto at = text.rfind('@');
  std::uint32_t version = 0;
  if (at != std::string_view::npos) {
    const char* begin = text.data() + at + 1;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, version);
    if (error != std::errc{} || stop != end || *begin == '0') version = 0;
  }
  if (version == 0)
    throw Error(Errc::kInvalidArgument, "'" + std::string(text.substr(0, 64)) +
                                            "' is not a key version: write NAME@N, such as av@1");
  return {KeyName(text.substr(0, at)), version};
}

}  // namespace poolkey
