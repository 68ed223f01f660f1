// Memory that must not outlive its use: PINs and key material.
// May touch: std and the C library's explicit_bzero. Called by: hsm, app, cli.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace poolkey {

/// Octets that are wiped when they go. Move-only, and without a formatter: logging one does not
/// compile. Locked into memory where the process's limits allow it.
class SecretBytes {
 public:
  SecretBytes() = default;
  explicit SecretBytes(std::size_t size);
  explicit SecretBytes(ByteView bytes);
  SecretBytes(SecretBytes&& other) noexcept : bytes_(std::move(other.bytes_)) {
    other.bytes_.clear();
  }
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  std::span<std::uint8_t> span() { return bytes_; }
  ByteView view() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }

 private:
  void lock() noexcept;
  void wipe() noexcept;
  Bytes bytes_;
};

/// A token PIN (UTF-8, PKCS#11 v2.40 section 4.1.3). Wiped, move-only, cannot be printed.
class Pin {
 public:
  explicit Pin(std::string_view text) : bytes_(poolkey::view(text)) {}
  explicit Pin(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  ByteView view() const { return bytes_.view(); }
  Pin clone() const { return Pin(SecretBytes(bytes_.view())); }

 private:
  SecretBytes bytes_;
};

/// Turns core dumps off and keeps other processes of the same user from tracing this one.
void forbid_core_dumps() noexcept;

}  // namespace poolkey
