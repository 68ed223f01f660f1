// Every act of a rollover and of an eviction that tells members something is killed at every point
// of its steps, and run again: the roll goes on to where an undisturbed one comes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

/// An act: how far the roll is brought before it, by whom it is run, its steps, and what the roll
/// is when members have answered.
struct Act {
  std::string name;
  std::string side;
  Words verb;
  std::vector<std::string> steps;
  std::string then;
  void (*before)(Timeline&);
};

std::ostream& operator<<(std::ostream& out, const Act& act) { return out << act.name; }

void until_proven(Timeline& t) {
  t.must("origin", {"rollover", "start", "av", "--pool", "edge"});
  t.must("origin", t.d.release("av@2"));
  t.sync();
  for (int i = 0; i < 3; ++i) {
    t.wait(Duration(2));  // what was asked in one second does not count for the next
    t.advance();
    t.sync();
  }
}

void until_effective(Timeline& t) {
  until_proven(t);
  t.wait_until(parse_rfc3339(std::string(t.settle().at("effective").as_string())));
}

void until_overlap_ends(Timeline& t) {
  until_effective(t);
  t.settle();
  t.wait(Days(2));
}

void until_ordered(Timeline& t) {
  until_overlap_ends(t);
  t.advance();
}

void until_gone(Timeline& t) {
  until_ordered(t);
  t.sync();
}

void until_nothing(Timeline&) {}

const std::vector<Act>& acts() {
  static const Words advance{"rollover", "advance"};
  static const auto& all = *new std::vector<Act>{
      {"Arm",
       "origin",
       advance,
       {"rollover arm/decide", "rollover arm/statements", "rollover arm/post statements"},
       "armed 2/2",
       until_proven},
      {"Switch",
       "origin",
       advance,
       {"rollover switch/decide", "rollover switch/statements", "rollover switch/post statements"},
       "overlap",
       until_effective},
      {"Retire",
       "origin",
       advance,
       {"rollover retire/decide", "rollover retire/statements", "rollover retire/post statements"},
       "destroyed",
       until_overlap_ends},
      {"Destroy",
       "edge1",
       {"member", "sync"},
       {"member retire/files", "member retire/objects"},
       "destroyed",
       until_ordered},
      {"Erase",
       "origin",
       advance,
       {"rollover erase/token", "rollover erase/decide", "rollover erase/statements",
        "rollover erase/post statements"},
       "destroyed",
       until_gone},
      {"Abort",
       "origin",
       {"rollover", "abort", "edge.av@2", "--reason", "x"},
       {"rollover disarm/decide", "rollover disarm/statements", "rollover disarm/post statements"},
       "aborted",
       [](Timeline& t) {
         until_proven(t);
         t.settle();
       }},
      {"Evict",
       "origin",
       {"member", "evict", "edge2", "--pool", "edge", "--reason", "x"},
       {"member evict/statements", "member evict/post statements", "member evict/trust",
        "member evict/mailbox", "member evict/record"},
       "awaiting-ceremony",
       until_nothing},
  };
  return all;
}

class RolloverCrashTest : public testing::TestWithParam<Act> {
 protected:
  static void crash(const Timeline& t, const Act& act, const std::string& point) {
    const Outcome outcome = t.on(act.side, act.verb, Duration{}, point);
    // faketime(1) waits for the program, and says so.
    if (outcome.err.find("Caught Killed") == std::string::npos)
      throw std::runtime_error(point + outcome.text());
  }
};

TEST_P(RolloverCrashTest, RunAgainItConverges) {
  const Act& act = GetParam();
  Timeline prepared(Deployment::at(Stage::kCertified));
  act.before(prepared);
  for (const std::string& step : act.steps)
    for (const char* point : {":before", ":after", ":recorded"}) {
      SCOPED_TRACE(step + point);
      Timeline t = prepared.copy();
      crash(t, act, step + point);
      // An eviction that had come to its end is not run again: the next advance goes on from it.
      const Outcome again = t.on(act.side, act.verb);
      EXPECT_TRUE(again.status == 0 || again.status == 6) << again.text();
      t.wait(Duration(2));
      t.settle(act.name == "Evict" ? std::vector<std::string>{"edge1"}
                                   : std::vector<std::string>{});
      EXPECT_EQ(state_of(t.status("edge.av@2")), act.then);
      for (const std::string& side : t.d.sides())
        EXPECT_THAT(t.d.unfinished(side), testing::IsEmpty()) << side;
    }
}

INSTANTIATE_TEST_SUITE_P(Acts, RolloverCrashTest, testing::ValuesIn(acts()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace poolkey::test
