// What a rollover waits for, in the words that an operator reads.
#include "rollover/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace poolkey::rollover {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;

const Time kNow = parse_rfc3339("2027-05-01T12:00:00Z");
const KeyVersion kOld{KeyName("av"), 1}, kNew{KeyName("av"), 2};

MemberFacts ready(const std::string& name) {
  return {.name = MemberName(name),
          .enrolled = true,
          .asked = kNow,
          .answered = true,
          .told = true,
          .holds_new = true,
          .holds_old = true,
          .certificate = true,
          .clock = ClockOffset{Duration(-20), Duration(20)}};
}

/// Everything is there for the barrier.
Facts proven() {
  return {
      .now = kNow,
      .pool = PoolName("edge"),
      .from = kOld,
      .to = kNew,
      .generated = true,
      .released = true,
      .requests = {{.id = "edge.edge-external.av@2.public", .submitted = true, .accepted = true}},
      .members = {ready("edge1"), ready("edge2"), ready("edge3")},
      .published = kNow - hours(2),
      .installed = kNow - hours(1),
      .old_not_after = kNow + Days(5),
      .token_lifetime = hours(8)};
}

/// Nothing was asked of a CA yet.
Facts released() {
  Facts out = proven();
  out.requests = {{.id = "r"}};
  out.published = out.installed = std::nullopt;
  return out;
}

Facts armed() {
  Facts out = proven();
  out.armed = kNow;
  out.effective = *out.old_not_after - hours(8);
  for (MemberFacts& m : out.members) m.confirmed = true;
  return out;
}

Facts effective() {
  Facts out = armed();
  out.now = *out.effective;
  out.switched = out.now;
  for (MemberFacts& m : out.members) {
    m.asked = out.now;
    m.switched = true;
  }
  return out;
}

std::vector<std::string> waits(const Verdict& v) {
  std::vector<std::string> out;
  for (const Wait& w : v.waits) out.push_back(w.for_what);
  return out;
}

struct Step {
  const char* name;
  std::function<Facts()> facts;
  std::string words;
  std::optional<Act> act;
};

void PrintTo(const Step& step, std::ostream* out) { *out << step.name; }

class StepTest : public testing::TestWithParam<Step> {};

Facts changed(Facts facts, const std::function<void(Facts&)>& change) {
  change(facts);
  return facts;
}

INSTANTIATE_TEST_SUITE_P(
    Life, StepTest,
    testing::Values(
        Step{"Planned",
             [] { return Facts{.now = kNow, .pool = PoolName("edge"), .from = kOld, .to = kNew}; },
             "planned", Act::kGenerate},
        Step{"Ceremony", [] { return changed(proven(), [](Facts& f) { f.released = false; }); },
             "awaiting-ceremony", std::nullopt},
        Step{"Backup",
             [] {
               return changed(proven(), [](Facts& f) {
                 f.released = false;
                 f.needs_backup = true;
               });
             },
             "generated", std::nullopt},
        Step{"Lacking",
             [] { return changed(released(), [](Facts& f) { f.members[1].holds_new = false; }); },
             "released 2/3", Act::kRedeliver},
        Step{"Silent",
             [] { return changed(released(), [](Facts& f) { f.members[1].answered = false; }); },
             "released 2/3", std::nullopt},
        Step{"Unasked",
             [] { return changed(proven(), [](Facts& f) { f.requests[0] = {.id = "r"}; }); },
             "released 3/3", Act::kRequest},
        Step{"AtTheCa",
             [] { return changed(proven(), [](Facts& f) { f.requests[0].accepted = false; }); },
             "requested", std::nullopt},
        Step{"Answered",
             [] {
               return changed(proven(), [](Facts& f) {
                 f.requests[0].accepted = false;
                 f.requests[0].answered = true;
               });
             },
             "requested", Act::kAccept},
        Step{"Issued",
             [] {
               return changed(proven(), [](Facts& f) { f.published = f.installed = std::nullopt; });
             },
             "issued", Act::kPublish},
        Step{"NotInstalled",
             [] {
               return changed(proven(), [](Facts& f) {
                 f.installed.reset();
                 f.members[2].certificate = false;
               });
             },
             "installed 2/3", Act::kAsk},
        Step{"Installed", [] { return changed(proven(), [](Facts& f) { f.installed.reset(); }); },
             "installed 3/3", Act::kNoteInstalled},
        Step{"Proven", [] { return proven(); }, "proven 3/3", Act::kArm},
        Step{"OldProof",
             [] {
               return changed(proven(), [](Facts& f) { f.members[0].asked = kNow - hours(2); });
             },
             "proven 2/3", Act::kAsk},
        Step{"Armed", [] { return armed(); }, "armed 3/3", std::nullopt},
        Step{"NotTold",
             [] { return changed(armed(), [](Facts& f) { f.members[0].confirmed = false; }); },
             "armed 2/3", Act::kAsk},
        Step{"ItHasCome", [] { return changed(armed(), [](Facts& f) { f.now = *f.effective; }); },
             "effective", Act::kSwitch},
        Step{"NotSwitched",
             [] { return changed(effective(), [](Facts& f) { f.members[0].switched = false; }); },
             "effective 2/3", Act::kAsk},
        Step{"Overlap", [] { return effective(); }, "overlap", std::nullopt},
        Step{"OverlapEnds",
             [] {
               return changed(effective(),
                              [](Facts& f) { f.now = *f.old_not_after + Duration(1); });
             },
             "overlap", Act::kRetire},
        Step{"Kept", [] { return changed(effective(), [](Facts& f) { f.retired = f.now; }); },
             "retired 0/3", Act::kAsk},
        Step{"Gone",
             [] {
               return changed(effective(), [](Facts& f) {
                 f.retired = f.now;
                 for (MemberFacts& m : f.members) m.holds_old = false;
               });
             },
             "retired 3/3", Act::kErase},
        Step{"Destroyed",
             [] {
               return changed(effective(), [](Facts& f) {
                 f.retired = f.now;
                 f.erased = true;
               });
             },
             "destroyed", std::nullopt}),
    [](const auto& each) { return std::string(each.param.name); });

TEST_P(StepTest, HasItsStateAndItsAct) {
  const Facts facts = GetParam().facts();
  const Verdict v = judge(facts);
  EXPECT_EQ(words(v), GetParam().words);
  EXPECT_EQ(v.act, GetParam().act);
  EXPECT_EQ(v.fault, "");
  if (v.act) {
    EXPECT_NE(sentence_of(v, facts), "");
  }
}

TEST(JudgeTest, TheDateIsTheOldEndLessTheTokenLifetime) {
  EXPECT_EQ(judge(proven()).at, parse_rfc3339("2027-05-06T04:00:00Z"));
}

TEST(JudgeTest, AChosenDateHoldsUnlessItIsTooLate) {
  Facts f = proven();
  f.wanted = kNow + Days(1);
  EXPECT_EQ(judge(f).at, kNow + Days(1));
  f.wanted = *f.old_not_after - hours(7);
  EXPECT_EQ(judge(f).act, std::nullopt);
  EXPECT_THAT(judge(f).fault, HasSubstr("is later than 2027-05-06T04:00:00Z"));
}

TEST(JudgeTest, WhatIsUrgentTakesOverAsSoonAsItCan) {
  Facts f = proven();
  f.cause = Cause::kEvicted;
  EXPECT_EQ(judge(f).at, kNow + f.notice);
}

TEST(JudgeTest, TooLateIsForAPersonToDecide) {
  Facts f = proven();
  f.old_not_after = kNow + hours(8) + minutes(10);
  EXPECT_EQ(judge(f).act, std::nullopt);
  EXPECT_THAT(judge(f).fault,
              HasSubstr("it is too late for a roll that breaks nothing: av@2 could take over by "
                        "2027-05-01T12:10:00Z at the latest"));
  f.short_overlap = true;
  EXPECT_EQ(judge(f).act, Act::kArm);
  EXPECT_EQ(judge(f).at, kNow + f.notice);
}

TEST(JudgeTest, SaysWhomItWaitsForAndUntilWhen) {
  Facts f = proven();
  f.members[1].answered = false;
  f.members[2].clock = ClockOffset{hours(2), hours(3)};
  EXPECT_THAT(waits(judge(f)),
              ElementsAre("an answer of 'edge2' to the challenge of 2027-05-01T12:00:00Z",
                          "'edge3' to set its clock, which is at least 2 h ahead"));
  f.members[1].answered = true;
  EXPECT_THAT(waits(judge(f)),
              ElementsAre("'edge3' to set its clock, which is at least 2 h ahead"));
  EXPECT_EQ(words(judge(f)), "proven 2/3");
  EXPECT_EQ(judge(f).until, parse_rfc3339("2027-05-06T04:00:00Z"));
  f.members[2].clock = ClockOffset{-hours(3), -hours(2)};
  EXPECT_THAT(waits(judge(f)),
              ElementsAre("'edge3' to set its clock, which is at least 2 h behind"));
  // An answer that was long on its way says nothing against the clock.
  f.members[2].clock = ClockOffset{-hours(20), minutes(0)};
  EXPECT_EQ(judge(f).act, Act::kArm);
}

TEST(JudgeTest, WhoNeverHeardOfTheDateTakesItBack) {
  Facts f = armed();
  f.members[1].confirmed = false;
  f.members[1].answered = false;
  f.now = *f.effective - minutes(61);
  EXPECT_EQ(judge(f).act, std::nullopt);
  f.now = *f.effective - minutes(60);
  EXPECT_EQ(judge(f).act, Act::kAsk);
  for (MemberFacts& m : f.members) m.asked = f.now;
  EXPECT_EQ(judge(f).act, std::nullopt);
  EXPECT_EQ(words(judge(f)), "armed 2/3");
  f.now = *f.effective - minutes(15);
  EXPECT_EQ(judge(f).act, Act::kDisarm);
}

TEST(JudgeTest, WhoKnowsTheDateMayBeSilent) {
  Facts f = armed();
  f.now = *f.effective - minutes(10);
  for (MemberFacts& m : f.members) m.asked = f.now;
  f.members[1].answered = false;
  EXPECT_EQ(words(judge(f)), "armed 3/3");
  f.members[1].answered = true;
  f.members[1].clock = ClockOffset{hours(2), hours(2)};
  EXPECT_EQ(judge(f).act, Act::kDisarm);
}

TEST(JudgeTest, ALostKeyIsGivenAgainAndKeepsTheDate) {
  Facts f = armed();
  f.now = *f.effective - minutes(10);
  for (MemberFacts& m : f.members) m.asked = f.now;
  f.members[1].holds_new = f.members[1].certificate = false;
  EXPECT_EQ(judge(f).act, Act::kRedeliver);
}

TEST(JudgeTest, AProcessThatStillSignsKeepsTheOldVersionFromBeingGone) {
  Facts f = effective();
  f.retired = f.now;
  for (MemberFacts& m : f.members) m.holds_old = false;
  f.members[0].in_use = {"nginx (pid 12)"};
  EXPECT_THAT(
      waits(judge(f)),
      ElementsAre("processes of 'edge1' that still sign with a copy of av@1 to be reloaded: "
                  "nginx (pid 12)"));
  f.members[0].in_use.clear();
  EXPECT_EQ(judge(f).act, Act::kErase);
}

TEST(JudgeTest, TheOverlapLastsAsLongAsThePolicyHasIt) {
  Facts f = effective();
  f.now = *f.old_not_after + Duration(1);
  f.may_destroy = f.now + hours(16);
  EXPECT_EQ(judge(f).act, std::nullopt);
  EXPECT_THAT(waits(judge(f)), ElementsAre("the end of the overlap at " + rfc3339(*f.may_destroy)));
}

TEST(JudgeTest, ACompromisedVersionIsNotWaitedFor) {
  Facts f = effective();
  f.cause = Cause::kCompromised;
  for (MemberFacts& m : f.members) m.switched = false;
  EXPECT_EQ(judge(f).act, Act::kRetire);
}

TEST(JudgeTest, AKeyThatIsKeptNeedsNoDate) {
  Facts f = proven();
  f.from = f.to = kOld;
  f.old_not_after = kNow + hours(1);
  EXPECT_TRUE(judge(f).over);
  EXPECT_EQ(judge(f).act, std::nullopt);
}

TEST(JudgeTest, AKeyWithoutCertificatesIsRolledToo) {
  Facts f = proven();
  f.requests.clear();
  f.published = f.installed = f.old_not_after = std::nullopt;
  for (MemberFacts& m : f.members) m.certificate = false;
  EXPECT_EQ(judge(f).act, Act::kNoteInstalled);
  f.installed = kNow;
  EXPECT_EQ(judge(f).at, kNow + f.notice);
}

TEST(JudgeTest, WordsAreReadBack) {
  for (int i = 0; i <= static_cast<int>(State::kAborted); ++i)
    EXPECT_EQ(parse_state(name(static_cast<State>(i))), static_cast<State>(i));
  for (int i = 0; i <= static_cast<int>(Cause::kCompromised); ++i)
    EXPECT_EQ(parse_cause(name(static_cast<Cause>(i))), static_cast<Cause>(i));
  EXPECT_THROW(parse_state("rolling"), Error);
}

}  // namespace
}  // namespace poolkey::rollover
