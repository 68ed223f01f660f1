#include "requests/lint/weak_keys.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "requests/lint/weak_keys_sample.h"

namespace poolkey::requests {
namespace {

/// All of Debian's lists together have 20 MB.
constexpr std::size_t kMost = 256U << 20;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

template <std::size_t N>
std::array<std::uint8_t, N> octets(std::string_view digits) {
  std::array<std::uint8_t, N> out{};
  std::ranges::copy(from_hex(digits), out.begin());
  return out;
}

template <class Array>
bool contains(const std::vector<Array>& sorted, ByteView octets) {
  Array wanted{};
  if (octets.size() != wanted.size()) return false;
  std::ranges::copy(octets, wanted.begin());
  return std::ranges::binary_search(sorted, wanted);
}

std::string_view trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

const WeakKeys& WeakKeys::built_in() {
  static const WeakKeys sample = [] {
    WeakKeys out;
    out.add(kDebianSample, "the sample of Debian's weak keys");
    out.sort();
    return out;
  }();
  return sample;
}

WeakKeys WeakKeys::with(const std::vector<std::filesystem::path>& lists) {
  WeakKeys out = built_in();
  for (const std::filesystem::path& list : lists) {
    if (!std::filesystem::is_directory(list)) {
      out.read(list);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(list))
      if (entry.is_regular_file()) out.read(entry.path());
  }
  out.sort();
  return out;
}

WeakKeys WeakKeys::of_home(const std::filesystem::path& home,
                           std::vector<std::filesystem::path> lists) {
  const std::filesystem::path own = home / "weak-keys";
  if (!home.empty() && std::filesystem::exists(own)) lists.push_back(own);
  return with(lists);
}

void WeakKeys::read(const std::filesystem::path& list) {
  add(read_file(list, kMost), list.string());
}

void WeakKeys::add(std::string_view text, const std::string& name) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    if (line.size() == 20 && is_hex(line))
      moduli_.push_back(octets<10>(line));
    else if (line.size() == 64 && is_hex(line))
      keys_.push_back(octets<32>(line));
    else
      throw Error(Errc::kInvalidArgument,
                  name + ":" + std::to_string(number) +
                      ": the line is neither the 20 hexadecimal digits of Debian's "
                      "openssl-blacklist nor the 64 of an SPKI's SHA-256");
  }
}

void WeakKeys::sort() {
  std::ranges::sort(moduli_);
  std::ranges::sort(keys_);
}

bool WeakKeys::has_modulus(ByteView fingerprint) const { return contains(moduli_, fingerprint); }
bool WeakKeys::has_key(ByteView spki_sha256) const { return contains(keys_, spki_sha256); }

}  // namespace poolkey::requests
