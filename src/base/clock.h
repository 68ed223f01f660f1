// Time, as something handed in. Certificate dates come from it; nothing of the protocol does.
// May touch: std only. Called by: app (makes one), and whoever writes a date.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace poolkey {

using Time = std::chrono::sys_seconds;
using Days = std::chrono::days;
using Duration = std::chrono::seconds;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time now() const override;
};

/// A clock that stands where it was put.
class FixedClock final : public Clock {
 public:
  explicit FixedClock(Time at) : at_(at) {}
  Time now() const override { return at_; }
  void set(Time at) { at_ = at; }

 private:
  Time at_;
};

/// RFC 3339 in UTC, to the second: "2026-11-22T08:00:00Z".
std::string rfc3339(Time time);
/// Reads exactly the form that rfc3339() writes. Throws kInvalidArgument.
Time parse_rfc3339(std::string_view text);

}  // namespace poolkey
