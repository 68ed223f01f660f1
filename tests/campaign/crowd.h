// Threads that sign with poolkey.so without end, every signature verified in software with the key
// that was meant; and a line of the table of what that came to.
// Called by: provider_main.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/plugin.h"

namespace poolkey::test {

using Time = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct SigningKey {
  crypto::EvpPkey loaded;
  crypto::PublicKey expected;
};
/// The private key that the URI names, with the public key that it has now.
SigningKey load_key(const Plugin& plugin, const std::string& uri);

/// One line of the table.
struct Result {
  std::string what;
  int good = 0, failed = 0, wrong = 0;
  int disturbances = 0;
  std::string timed = "until it signs again";
  std::vector<milliseconds> times{};
  bool came_back = true;

  bool is_right() const { return wrong == 0 && good > 0 && came_back; }
  /// Notes a time; nothing: it did not come back.
  void note(std::optional<milliseconds> time);
};
std::string median_and_longest(std::vector<milliseconds> times);
void print_head();
void print(const Result& result);

/// Threads that sign with all keys in turn.
class Crowd {
 public:
  /// `tell`: say why signatures failed.
  Crowd(const Plugin& plugin, const std::vector<SigningKey>& keys, bool tell)
      : plugin_(plugin), keys_(keys), tell_(tell) {}
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() { end(); }

  /// `tries` in all, or until end() where it is 0.
  void start(int threads, int tries);
  void join();
  void end();

  int done() const { return good_ + failed_ + wrong_; }
  void count_into(Result& result) const;
  /// From `since` to the end of the first good signature after it; nothing within ten seconds.
  std::optional<milliseconds> first_good_after(Time::time_point since) const;
  /// Of those that ended since it was asked for the last time.
  milliseconds slowest();

 private:
  void work();

  const Plugin& plugin_;
  const std::vector<SigningKey>& keys_;
  const bool tell_;
  std::vector<std::thread> threads_;
  std::atomic<int> left_ = 0, good_ = 0, failed_ = 0, wrong_ = 0;
  std::atomic<Time::rep> last_good_ = 0, slowest_ = 0;
};

}  // namespace poolkey::test
