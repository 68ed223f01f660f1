#include "bench/sync_clock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

namespace poolkey::bench {
namespace {

std::atomic<long> nanoseconds{0};
std::atomic<long> calls{0};

int measured(long number, int fd) {
  const auto start = std::chrono::steady_clock::now();
  const long result = ::syscall(number, fd);
  nanoseconds += std::chrono::nanoseconds(std::chrono::steady_clock::now() - start).count();
  ++calls;
  return static_cast<int>(result);
}

}  // namespace

SyncTotal synced() { return {static_cast<double>(nanoseconds.load()) / 1e9, calls.load()}; }

}  // namespace poolkey::bench

extern "C" {
[[gnu::visibility("default")]] int fsync(int fd) { return poolkey::bench::measured(SYS_fsync, fd); }
[[gnu::visibility("default")]] int fdatasync(int fd) {
  return poolkey::bench::measured(SYS_fdatasync, fd);
}
[[gnu::visibility("default")]] int syncfs(int fd) noexcept {
  return poolkey::bench::measured(SYS_syncfs, fd);
}
}
