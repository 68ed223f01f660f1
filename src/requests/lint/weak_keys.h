// Lists of keys that nobody may use: Debian's weak ones, and those that were reported compromised.
// May touch: base only. Called by: lint, requests, app.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace poolkey::requests {

/// A list has a line for each key: the 20 hexadecimal digits by which Debian's openssl-blacklist
/// names an RSA modulus (crypto::debian_fingerprint), or the 64 of an SPKI's SHA-256 for any other
/// key, reported compromised for instance. Empty lines and what follows a '#' are skipped. Debian's
/// own files are such lists.
class WeakKeys {
 public:
  /// A sample of Debian's weak RSA-2048 keys: the nine of each process number from 1000 to 1031.
  static const WeakKeys& built_in();
  /// The sample and these lists; of a folder every file. Throws as read_file(), and
  /// kInvalidArgument naming the line that is no fingerprint.
  static WeakKeys with(const std::vector<std::filesystem::path>& lists);
  /// The same with what a side's own folder "weak-keys" has, if it is there.
  static WeakKeys of_home(const std::filesystem::path& home,
                          std::vector<std::filesystem::path> lists = {});

  bool has_modulus(ByteView fingerprint) const;
  bool has_key(ByteView spki_sha256) const;
  std::size_t size() const { return moduli_.size() + keys_.size(); }

 private:
  void read(const std::filesystem::path& list);
  void add(std::string_view text, const std::string& name);
  void sort();

  // Sorted.
  std::vector<std::array<std::uint8_t, 10>> moduli_;
  std::vector<std::array<std::uint8_t, 32>> keys_;
};

}  // namespace poolkey::requests
