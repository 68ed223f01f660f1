#include "provider/guard.h"

#include <atomic>
#include <cstdlib>

namespace poolkey::provider {
namespace {

// No destructor: still readable when OpenSSL cleans up, which is after all static objects.
constinit std::atomic<bool> ending = false;
constinit std::atomic<bool> watching = false;

}  // namespace

bool process_is_ending() noexcept { return ending; }

void watch_for_the_end() noexcept {
  if (!watching.exchange(true)) std::atexit([] { ending = true; });
}

}  // namespace poolkey::provider
