// SIGPIPE during a visit to a module, and outside of one.
#include "provider/shield.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/process.h"

namespace poolkey::provider {
namespace {

using test::run_child;

TEST(SigpipeShieldTest, KeepsTheSignalFromTheProcess) {
  EXPECT_EQ(run_child([] {
              for (int i = 0; i < 2; ++i) {
                const SigpipeShield shield;
                ::raise(SIGPIPE);
              }
            }),
            0);
}

TEST(SigpipeShieldTest, LeavesTheProcessItsOwn) {
  const int status = run_child([] {
    { const SigpipeShield shield; }
    ::raise(SIGPIPE);
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGPIPE);
}

TEST(SigpipeShieldTest, LeavesAThreadThatBlocksTheSignalAsItWas) {
  EXPECT_EQ(run_child([] {
              sigset_t only;
              ::sigemptyset(&only);
              ::sigaddset(&only, SIGPIPE);
              ::pthread_sigmask(SIG_BLOCK, &only, nullptr);
              {
                const SigpipeShield shield;
                ::raise(SIGPIPE);
              }
              sigset_t pending;
              ::sigpending(&pending);
              if (::sigismember(&pending, SIGPIPE) != 1) ::_exit(2);
            }),
            0);
}

}  // namespace
}  // namespace poolkey::provider
