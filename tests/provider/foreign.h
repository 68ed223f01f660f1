// poolkey.so in a process that is not ours, on a module that can be made to fail.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "base/process.h"
#include "support/faulty_token.h"
#include "support/matchers.h"
#include "support/plugin.h"

namespace poolkey::provider {

using test::calls_of;
using test::lose_token;
using test::make_signing_key;
using test::set_faults;
using test::ThrowsErrc;
using Time = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Keys "copied" and "uncopied" (P-256), "rsa", and one more of each kind.
class ForeignTest : public testing::Test {
 protected:
  explicit ForeignTest(const std::string& extra = "")
      : prepared([](test::SoftToken& soft) {
          const auto token = soft.login();
          make_signing_key(*token, "EC-P-256", "copied");
          make_signing_key(*token, "EC-P-256", "uncopied", false);
          make_signing_key(*token, "EC-P-256", "another");
          make_signing_key(*token, "RSA-2048", "rsa");
        }),
        plugin(prepared.folder(), prepared.section(test::kFaultyModule) + extra) {}

  crypto::EvpPkey load(const std::string& label) const {
    return plugin.load("pkcs11:token=test;object=" + label + ";type=private");
  }
  /// True if it signs, and rightly.
  bool signs(const crypto::EvpPkey& key) const {
    return crypto::PublicKey::from_evp(key.get()).verify("SHA256", view("m"),
                                                         plugin.sign(key.get(), view("m")));
  }
  /// Signs in `threads` threads until told to end; counts what was wrong.
  struct Crowd {
    std::atomic<bool> ends = false;
    std::atomic<int> signatures = 0, failures = 0, wrong = 0;
    std::vector<std::thread> threads;
    ~Crowd() { join(); }
    void join() {
      ends = true;
      for (std::thread& thread : threads) thread.join();
      threads.clear();
    }
  };
  void start(Crowd& crowd, const crypto::EvpPkey& key, int threads) const {
    for (int i = 0; i < threads; ++i)
      crowd.threads.emplace_back([this, &crowd, &key] {
        while (!crowd.ends) try {
            signs(key) ? ++crowd.signatures : ++crowd.wrong;
          } catch (const Error&) {
            ++crowd.failures;
          }
      });
  }

  test::Prepared prepared;
  test::Plugin plugin;
};

inline void wait_until(const std::function<bool()>& condition, milliseconds limit) {
  const auto end = Time::now() + limit;
  while (!condition() && Time::now() < end) std::this_thread::sleep_for(milliseconds(2));
}

}  // namespace poolkey::provider
