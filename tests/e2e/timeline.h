// A deployment in virtual time: every process of it is told by libfaketime that it is later.
// Called by: the tests of rollovers.
#pragma once

#include <chrono>

#include "base/clock.h"
#include "e2e/deployment.h"

namespace poolkey::test {

class Timeline {
 public:
  explicit Timeline(Deployment deployment) : d(std::move(deployment)) {}

  Deployment d;

  void wait(Duration duration) { later_ += duration; }
  /// Until a second after this time.
  void wait_until(Time time);
  Time now() const {
    return std::chrono::floor<Duration>(std::chrono::system_clock::now()) + later_;
  }

  /// As it stands, in a folder of its own.
  Timeline copy() const;
  /// A verb of one side, now; `ahead` by its own clock; killed at `fail_point` if there is one.
  Outcome on(const std::string& side, const Words& verb, Duration ahead = Duration{},
             const std::string& fail_point = "") const;
  std::string must(const std::string& side, const Words& verb) const;
  /// `member sync` of these members, or of all.
  void sync(const std::vector<std::string>& members = {}) const;
  /// `rollover advance`; gives the rollover as JSON has it.
  json::object advance(const Words& more = {}) const;
  /// The origin advances and members sync until that changes nothing any more, at most eight times.
  json::object settle(const std::vector<std::string>& members = {}) const;
  /// The first rollover of `rollover status ID`.
  json::object status(const std::string& id) const;

 private:
  json::object first_roll(const Outcome& outcome) const;
  Duration later_{};
};

/// "armed 2/2"
std::string state_of(const json::object& roll);
/// What it waits for, and its fault, as one text.
std::string waits_of(const json::object& roll);

}  // namespace poolkey::test
