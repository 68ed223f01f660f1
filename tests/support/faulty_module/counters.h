// How often each function was called, and which lines of the script are spent: in this process, or
// in all that share a state file.
// May touch: POSIX. Called by: the module.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <stdexcept>

#include "hsm/functions.h"

namespace poolkey::test::faulty {

/// One number for each function, one for all of them, and a mark for each line. In a file they are
/// shared memory: nothing is lost when a process is killed.
class Counters {
 public:
  static constexpr std::size_t kAll = hsm::kFunctionCount;
  static constexpr std::size_t kLines = 64;

  /// `file` may be null.
  explicit Counters(const char* file) {
    if (file == nullptr) return;
    const int fd = ::open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(State)) != 0)
      throw std::runtime_error("FAULTY_MODULE_STATE cannot be written");
    void* shared = ::mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ::close(fd);
    if (shared == MAP_FAILED) throw std::runtime_error("FAULTY_MODULE_STATE cannot be mapped");
    state_ = static_cast<State*>(shared);
  }
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// The number of this call of the function, and among all calls.
  struct Call {
    std::uint64_t of_function, of_all;
  };
  Call count(std::size_t function) {
    return {++state_->numbers[function], ++state_->numbers[kAll]};
  }
  std::uint64_t of(std::size_t function) const { return state_->numbers[function]; }

  /// True for the one who marks the line.
  bool spend(std::size_t line) { return !state_->spent.at(line).exchange(true); }
  void give_back(std::size_t line) { state_->spent.at(line) = false; }
  bool is_spent(std::size_t line) const { return state_->spent.at(line); }

  void reset() {
    for (auto& number : state_->numbers) number = 0;
    for (auto& mark : state_->spent) mark = false;
  }

 private:
  struct State {
    std::array<std::atomic<std::uint64_t>, kAll + 1> numbers{};
    std::array<std::atomic<bool>, kLines> spent{};
  };
  State own_{};
  State* state_ = &own_;
};

}  // namespace poolkey::test::faulty
