// A file descriptor that is closed with its owner.
// May touch: unistd. Called by: whoever opens one.
#pragma once

#include <unistd.h>

namespace poolkey {

/// Negative: none.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  /// Before its owner ends.
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace poolkey
