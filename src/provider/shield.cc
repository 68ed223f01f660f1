#include "provider/shield.h"

#include <signal.h>

#include <utility>

namespace poolkey::provider {
namespace {

sigset_t sigpipe() {
  sigset_t out;
  ::sigemptyset(&out);
  ::sigaddset(&out, SIGPIPE);
  return out;
}

}  // namespace

SigpipeShield::SigpipeShield() noexcept {
  sigset_t before;
  const sigset_t only = sigpipe();
  ::pthread_sigmask(SIG_BLOCK, &only, &before);
  blocked_ = ::sigismember(&before, SIGPIPE) == 0;
}

SigpipeShield::SigpipeShield(SigpipeShield&& other) noexcept
    : blocked_(std::exchange(other.blocked_, false)) {}

// Where it was not blocked none can have been pending: one that is pending now is the module's.
SigpipeShield::~SigpipeShield() {
  if (!blocked_) return;
  const sigset_t only = sigpipe();
  const timespec at_once{};
  while (::sigtimedwait(&only, nullptr, &at_once) == SIGPIPE) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
}

}  // namespace poolkey::provider
