#include "base/secret.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace poolkey {

SecretBytes::SecretBytes(std::size_t size) : bytes_(size) { lock(); }

SecretBytes::SecretBytes(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) { lock(); }

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    wipe();
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
  }
  return *this;
}

void SecretBytes::lock() noexcept {
  // Best effort: RLIMIT_MEMLOCK may be small, and a PIN that cannot be locked must still work.
  if (!bytes_.empty()) (void)mlock(bytes_.data(), bytes_.size());
}

void SecretBytes::wipe() noexcept {
  // Not unlocked: munlock works on whole pages and would unlock a neighbouring secret as well.
  if (!bytes_.empty()) explicit_bzero(bytes_.data(), bytes_.size());
}

void forbid_core_dumps() noexcept {
  const rlimit none{0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace poolkey
