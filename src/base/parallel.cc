#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>
#include <vector>

namespace poolkey {

void for_each_index(std::size_t count, unsigned most, const std::function<void(std::size_t)>& act,
                    std::size_t worth) {
  if (count == 0) return;
  const std::size_t cores = std::clamp(std::thread::hardware_concurrency(), 1U, most);
  std::vector<std::exception_ptr> failures(std::clamp<std::size_t>(count / worth, 1, cores));
  std::atomic<std::size_t> next = 0;
  const auto work = [&](std::exception_ptr& failure) noexcept {
    try {
      for (std::size_t i = next++; i < count; i = next++) act(i);
    } catch (...) {
      failure = std::current_exception();
      next = count;  // the others stop after the one they are at
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < failures.size(); ++t)
      others.emplace_back(work, std::ref(failures[t]));
    work(failures.front());
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

}  // namespace poolkey
