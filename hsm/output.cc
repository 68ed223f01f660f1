#include "hsm/output.h"

#include <algorithm>

#include "base/error.h"

namespace poolkey::hsm {
namespace {

constexpr CK_BYTE kPattern = 0xA5;
/// So many octets of the pattern are not the end of a signature or a wrapped key by chance.
constexpr std::size_t kChance = 4;

bool is_pattern(CK_BYTE octet) { return octet == kPattern; }

}  // namespace

Output::Output(std::size_t room)
    : octets_(room + kChance, kPattern), size_(static_cast<CK_ULONG>(room)) {}

Bytes Output::take(const std::string& doing) {
  const std::size_t size = size_;
  const auto begin = octets_.begin();
  const bool possible =
      size >= kChance && size <= octets_.size() - kChance &&
      !std::all_of(begin + static_cast<std::ptrdiff_t>(size - kChance),
                   begin + static_cast<std::ptrdiff_t>(size), is_pattern) &&
      std::all_of(begin + static_cast<std::ptrdiff_t>(size), octets_.end(), is_pattern);
  if (!possible)
    throw Error(Errc::kUnavailable, "cannot " + doing + ": the module says that it gave " +
                                        std::to_string(size) +
                                        " octets, and wrote more or fewer; nothing of it was used");
  octets_.resize(size);
  return std::move(octets_);
}

Bytes Output::take(std::size_t expected, const std::string& doing) {
  if (size_ != expected)
    throw Error(Errc::kUnavailable, "cannot " + doing + ": the module says that it gave " +
                                        std::to_string(size_) + " octets where there must be " +
                                        std::to_string(expected) + "; nothing of it was used");
  return take(doing);
}

}  // namespace poolkey::hsm
