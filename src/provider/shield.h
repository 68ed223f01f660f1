// A SIGPIPE that a PKCS#11 module raises in the calling thread (a daemon that went away) is kept
// from the program. May touch: POSIX. Called by: host, around every visit to a module.
#pragma once

namespace poolkey::provider {

/// Where the thread has SIGPIPE blocked already, the program has its own arrangement and keeps it.
class SigpipeShield {
 public:
  SigpipeShield() noexcept;
  SigpipeShield(SigpipeShield&& other) noexcept;
  SigpipeShield& operator=(SigpipeShield&&) = delete;
  ~SigpipeShield();

 private:
  bool blocked_;
};

}  // namespace poolkey::provider
