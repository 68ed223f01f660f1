#include "campaign/crowd.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace poolkey::test {

SigningKey load_key(const Plugin& plugin, const std::string& uri) {
  auto key = plugin.load(uri);
  auto expected = crypto::PublicKey::from_evp(key.get());
  return {std::move(key), std::move(expected)};
}

void Result::note(std::optional<milliseconds> time) {
  if (time) times.push_back(*time);
  came_back = came_back && time;
}

std::string median_and_longest(std::vector<milliseconds> times) {
  if (times.empty()) return "none";
  std::ranges::sort(times);
  return std::to_string(times[times.size() / 2].count()) + " / " +
         std::to_string(times.back().count()) + " ms";
}

void print_head() {
  std::printf("%-47s %9s %10s %6s %5s   %s\n", "what happens", "disturbed", "signatures", "failed",
              "wrong", "median / longest");
}

void print(const Result& result) {
  std::printf("%-47s %9d %10d %6d %5d", result.what.c_str(), result.disturbances, result.good,
              result.failed, result.wrong);
  if (!result.times.empty())
    std::printf("   %s %s", median_and_longest(result.times).c_str(), result.timed.c_str());
  std::printf("%s\n", result.is_right() ? "" : "   NOT RIGHT");
  std::fflush(stdout);
}

void Crowd::start(int threads, int tries) {
  left_ = tries == 0 ? std::numeric_limits<int>::max() : tries;
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void Crowd::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Crowd::end() {
  left_ = 0;
  join();
}

void Crowd::count_into(Result& result) const {
  result.good = good_;
  result.failed = failed_;
  result.wrong = wrong_;
}

std::optional<milliseconds> Crowd::first_good_after(Time::time_point since) const {
  while (Time::now() - since < std::chrono::seconds(10)) {
    const Time::time_point last{Time::duration(last_good_)};
    if (last > since) return std::chrono::duration_cast<milliseconds>(last - since);
    std::this_thread::sleep_for(milliseconds(1));
  }
  return std::nullopt;
}

milliseconds Crowd::slowest() {
  return std::chrono::duration_cast<milliseconds>(Time::duration(slowest_.exchange(0)));
}

void Crowd::work() {
  for (int n = left_--; n > 0; n = left_--) {
    const SigningKey& key = keys_[static_cast<std::size_t>(n) % keys_.size()];
    const std::string message = "message " + std::to_string(n);
    const auto began = Time::now();
    try {
      const Bytes signature = plugin_.sign(key.loaded.get(), view(message));
      const auto took = (Time::now() - began).count();
      for (auto most = slowest_.load();
           took > most && !slowest_.compare_exchange_weak(most, took);) {
      }
      key.expected.verify("SHA256", view(message), signature) ? ++good_ : ++wrong_;
      last_good_ = Time::now().time_since_epoch().count();
    } catch (const Error& error) {
      if (tell_) std::fprintf(stderr, "%s\n", error.what());
      ++failed_;
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
}

}  // namespace poolkey::test
