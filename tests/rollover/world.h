// A pool in virtual time: an origin that does what judge() says, members that sync while they are
// up, a CA, people. Shows what a service sees: tokens signed by the current version, accepted by
// the current one and the one before.
#pragma once

#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "rollover/judge.h"

namespace poolkey::rollover {

/// What goes wrong, as one chance in so many ticks; 0: never.
struct Troubles {
  int down = 0;          ///< a member stops
  Duration longest{};    ///< and is back after this time at the latest
  int lost = 0;          ///< a member loses the staged version
  int clock = 0;         ///< a member's clock goes wrong, until it is seen
  int wrong_answer = 0;  ///< the CA sends the wrong certificate first
};

struct Settings {
  int members = 3;
  Duration validity = Days(47);
  Duration token_lifetime = std::chrono::hours(8);
  Duration turnaround = std::chrono::hours(24);
  Duration roll_out = Days(2);
  Duration tick = std::chrono::minutes(15);
  std::uint32_t ahead = 0;
  bool barrier = true;  ///< false: takes over at the date whatever the members say
  Troubles troubles{};
};

class World {
 public:
  World(Settings settings, std::uint32_t seed);
  /// Lets the time pass; stops at the first token that a member that is up refuses.
  void run(Duration duration);

  std::string broken{};  ///< the first refusal, in words; empty: none
  int rolls = 0;         ///< that came to their end
  int disarmed = 0, faults = 0, ceremonies = 0, refused = 0;
  std::uint32_t in_force() const { return origin_.version; }

 private:
  /// What the origin has posted for the members.
  struct Posted {
    std::uint32_t version = 1;
    std::optional<std::uint32_t> next{};
    std::optional<Time> effective{};
    std::set<std::uint32_t> retired{};
  };
  struct Member {
    explicit Member(MemberName given) : name(std::move(given)) {}
    MemberName name;
    bool up = true;
    std::optional<Time> back{};
    Duration ahead{};   ///< of its clock
    Time lost_until{};  ///< it serves nobody after it lost a key
    std::set<std::uint32_t> held{1}, certificates{1};
    Posted known{};
    std::optional<Time> answered_at{};  ///< the challenge's time that it answered
    MemberFacts facts{.name = name};
  };
  struct Token {
    Time made;
    std::uint32_t version;
    std::size_t by;
  };

  bool one_in(int n);
  std::uint32_t current(const Member& m) const;
  bool accepts(const Member& m, std::uint32_t version) const;
  void trouble();
  void sync(Member& m);
  void begin_if_due();
  void origin_acts();
  void act(const Verdict& verdict);
  void serve();

  Settings settings_;
  std::mt19937 random_;
  Time now_ = parse_rfc3339("2029-04-01T00:00:00Z");
  Posted origin_{};
  std::map<std::uint32_t, Time> not_after_{};
  std::uint32_t released_ = 1;  ///< up to this version
  std::vector<Member> members_{};
  std::vector<Token> tokens_{};
  std::optional<Facts> roll_{};
  std::optional<Time> ceremony_at_{}, answer_at_{};
  std::map<std::string, bool> queued_{};  ///< envelopes on their way
};

}  // namespace poolkey::rollover
