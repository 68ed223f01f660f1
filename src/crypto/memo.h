// Decoded keys and certificates, kept by their octets. OpenSSL 3.0 takes 0.3 ms and more to decode
// a key, and one run of a verb meets the same few keys and certificates many times. May touch:
// nothing. Called by: public_key, certificate, requests (facts of keys).
#pragma once

#include <map>
#include <mutex>

#include "base/bytes.h"

namespace poolkey::crypto {

/// Values that never change and depend on nothing but the octets they are made from. Forgets all of
/// them when they become too many, and keeps none of many octets: strangers send such. May be used
/// by several threads.
template <class Value>
class Memo {
 public:
  explicit Memo(std::size_t most = 256) : most_(most) {}

  template <class Make>
  Value get(ByteView octets, Make&& make) {
    if (octets.size() > kLargest) return make();
    const Bytes key(octets.begin(), octets.end());
    {
      const std::lock_guard hold(mutex_);
      if (const auto found = made_.find(key); found != made_.end()) return found->second;
    }
    Value value = make();
    const std::lock_guard hold(mutex_);
    if (made_.size() >= most_) made_.clear();
    made_.emplace(key, value);
    return value;
  }

 private:
  const std::size_t most_;
  static constexpr std::size_t kLargest = 16U << 10;
  std::mutex mutex_;
  std::map<Bytes, Value> made_;
};

}  // namespace poolkey::crypto
