// Object handles as the module's caller sees them, and what stands behind them in the real one.
// May touch: std and the PKCS#11 header. Called by: the module.
#pragma once

#include <map>
#include <mutex>

#include "hsm/cryptoki.h"

namespace poolkey::test::faulty {

/// Handles of our own, so that one can die, or mean something else, while its object lives on: an
/// object that is found again then has another handle, as with an HSM that was restarted.
class Handles {
 public:
  /// The handle under which the caller knows a real one; a new one where it does not.
  CK_OBJECT_HANDLE given(CK_OBJECT_HANDLE real) {
    const std::lock_guard hold(mutex_);
    if (real == CK_INVALID_HANDLE) return real;
    const auto [at, fresh] = given_.try_emplace(real, next_);
    if (fresh) real_[next_++] = real;
    return at->second;
  }
  /// What stands behind the caller's handle: one that no module has, where it is dead.
  CK_OBJECT_HANDLE real(CK_OBJECT_HANDLE given) const {
    const std::lock_guard hold(mutex_);
    const auto found = real_.find(given);
    return found == real_.end() ? given == CK_INVALID_HANDLE ? given : kDead : found->second;
  }
  void lose(CK_OBJECT_HANDLE given) {
    const std::lock_guard hold(mutex_);
    const auto found = real_.find(given);
    if (found == real_.end()) return;
    given_.erase(found->second);
    real_.erase(found);
  }
  void point(CK_OBJECT_HANDLE given, CK_OBJECT_HANDLE other) {
    lose(given);
    const std::lock_guard hold(mutex_);
    real_[given] = other;
  }
  /// Numbers are given from the first one again.
  void forget_all() {
    const std::lock_guard hold(mutex_);
    given_.clear();
    real_.clear();
    next_ = 1;
  }

 private:
  static constexpr CK_OBJECT_HANDLE kDead = 0x7fffffffUL;

  mutable std::mutex mutex_;
  std::map<CK_OBJECT_HANDLE, CK_OBJECT_HANDLE> given_;  ///< real -> the caller's
  std::map<CK_OBJECT_HANDLE, CK_OBJECT_HANDLE> real_;   ///< the caller's -> real
  CK_OBJECT_HANDLE next_ = 1;
};

}  // namespace poolkey::test::faulty
