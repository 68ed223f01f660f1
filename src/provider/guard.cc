#include "provider/guard.h"

#include <atomic>
#include <cstdlib>

namespace poolkey::provider {
namespace {

// No destructor: still readable when OpenSSL cleans up, which is after all static objects.
constinit std::atomic<bool> ending = false;
constinit std::atomic<void (*)() noexcept> at_end = nullptr;

}  // namespace

bool process_is_ending() noexcept { return ending; }

void watch_for_the_end(void (*then)() noexcept) noexcept {
  if (at_end.exchange(then) != nullptr) return;
  std::atexit([] {
    ending = true;
    at_end.load()();
  });
}

}  // namespace poolkey::provider
