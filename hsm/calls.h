// Every C_ call of ours goes through here: logged, and watched by the deadline.
// May touch: base. Called by: module (makes it), everything in hsm/ that calls `fn().C_...`.
#pragma once

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include <array>
#include <atomic>
#include <chrono>
#include <optional>

#include "base/log.h"
#include "hsm/functions.h"

namespace poolkey::hsm {

class Calls;

/// While it lives a call is inside the module: one of ours, or another library's (libp11).
class CallInProgress {
 public:
  CallInProgress(const Calls& calls, const char* function) noexcept;
  CallInProgress(const CallInProgress&) = delete;
  CallInProgress& operator=(const CallInProgress&) = delete;
  ~CallInProgress();

  /// Logs the call with its result, which is returned.
  CK_RV ended(CK_RV rv) const;

 private:
  const Calls& calls_;
  const char* function_;
  std::chrono::steady_clock::time_point start_;
  std::size_t place_;
};

/// One function of a module; called as the function itself is.
template <auto Member>
class Call;

template <class... A, CK_RV (*CK_FUNCTION_LIST::*Member)(A...)>
class Call<Member> {
 public:
  Call(const Calls& calls, const char* name) : calls_(calls), name_(name) {}
  CK_RV operator()(A... arguments) const;

 private:
  const Calls& calls_;
  const char* name_;
};

/// The functions of one module: `calls.C_Sign(...)`. Nobody looking, a call costs one test more
/// than the bare one. May be used by several threads.
class Calls {
 public:
  explicit Calls(CK_FUNCTION_LIST* real) : real_(real) {}
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

#define POOLKEY_CALL(name) Call<&CK_FUNCTION_LIST::name> name{*this, #name};
  POOLKEY_CRYPTOKI_FUNCTIONS(POOLKEY_CALL)
#undef POOLKEY_CALL

  /// From now on overdue() knows of every call. Before that it knows of none.
  void watch() { watched_ = true; }

  /// The function that has been inside the module for longer than `limit`, if there is one.
  std::optional<const char*> overdue(std::chrono::milliseconds limit) const;

  const CK_FUNCTION_LIST& real() const { return *real_; }
  bool observed() const { return watched_ || Log::should_log(LogLevel::kDebug); }

 private:
  friend class CallInProgress;
  /// A call inside the module. `since` is written last and taken back first.
  struct Place {
    std::atomic<const char*> function = nullptr;
    std::atomic<std::chrono::steady_clock::rep> since = 0;
  };
  /// More calls at once than this are not watched: a token lends 64 sessions at most.
  static constexpr std::size_t kPlaces = 128;

  CK_FUNCTION_LIST* real_;
  bool watched_ = false;
  mutable std::array<Place, kPlaces> places_;
};

template <class... A, CK_RV (*CK_FUNCTION_LIST::*Member)(A...)>
CK_RV Call<Member>::operator()(A... arguments) const {
#ifdef __SANITIZE_ADDRESS__
  const __lsan::ScopedDisabler theirs;  // what a module keeps or loses is not our leak
#endif
  const auto function = calls_.real().*Member;
  if (!calls_.observed()) return function(arguments...);
  const CallInProgress call(calls_, name_);
  return call.ended(function(arguments...));
}

}  // namespace poolkey::hsm
