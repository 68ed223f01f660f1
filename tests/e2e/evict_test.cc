// Members that leave or come back with another token, and keys that are compromised, in virtual
// time on real tokens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

class EvictTest : public testing::Test {
 protected:
  std::string evict() const {
    return t.must("origin", {"member", "evict", "edge3", "--pool", "edge", "--reason", "stolen"});
  }
  std::string status() const { return t.on("origin", {"status"}).out; }
  /// The ceremony and all that follows, by the members that are left.
  void roll(const std::string& version) {
    t.must("origin", d.release(version));
    for (int i = 0; i < 4; ++i) {
      t.settle({"edge1", "edge2"});
      t.wait(hours(9));
    }
    t.wait(Days(2));
    t.settle({"edge1", "edge2"});
  }

  Timeline t{Deployment::at(Stage::kCertified, 3)};
  const Deployment& d = t.d;
};

TEST_F(EvictTest, WhatItHeldIsExposedUntilRotated) {
  const std::string said = evict();
  EXPECT_THAT(said, HasSubstr("It knows av@1: EXPOSED until rotated."));
  EXPECT_THAT(said, HasSubstr("Rollover 'edge.av@2' begins."));
  EXPECT_THAT(said, HasSubstr("waits for the ceremony: 'poolkey key release av@2 --pool edge'"));
  EXPECT_EQ(d.count("origin", "envelope WHERE member = 'edge3'"), 0);
  EXPECT_THAT(d.pkcs11_tool("origin", "--list-objects --type pubkey").out, Not(HasSubstr("edge3")));

  t.wait(hours(3));
  EXPECT_THAT(status(), HasSubstr("EXPOSED: av@1 for 3 h (evicted: stolen), known to former member "
                                  "'edge3', destruction there unproven; rollover 'edge.av@2' is "
                                  "awaiting-ceremony"));
  roll("av@2");
  EXPECT_THAT(status(), Not(HasSubstr("EXPOSED")));
  const json::object over = t.status("edge.av@2");
  EXPECT_EQ(state_of(over), "destroyed");
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(EvictTest, ItsDestructionIsProvenIfItStillAnswers) {
  evict();
  t.must("edge3", {"member", "sync"});
  for (const std::string& object : d.objects("edge3", "privkey"))
    EXPECT_THAT(object, Not(HasSubstr("av@1")));
  EXPECT_THAT(t.must("origin", {"rollover", "advance"}),
              HasSubstr("the evicted member edge3: av@1 is destroyed there"));
  EXPECT_THAT(status(), HasSubstr("destruction there proven"));
}

TEST_F(EvictTest, ItReceivesNothingAnyMore) {
  evict();
  t.must("origin", d.release("av@2"));
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge3", "envelope.av@2.cms")));
  EXPECT_TRUE(
      refused(t.on("origin", {"member", "evict", "edge3", "--pool", "edge", "--reason", "again"}),
              6, {"'edge3' of pool 'edge' was evicted before"}));
}

TEST_F(EvictTest, ItIsNotAdmittedAgainWithTheSameKeys) {
  evict();
  t.must("origin", {"pool", "define", d.path("topology.toml").string()});
  EXPECT_TRUE(refused(t.on("origin", d.admit("edge3")), 3, {"a key of this request was evicted"}));
}

TEST_F(EvictTest, AMemberThatComesBackWithAnotherTokenIsEnrolledAnew) {
  evict();
  std::filesystem::remove_all(d.home("edge3"));
  t.must("origin", {"pool", "define", d.path("topology.toml").string()});
  EXPECT_THAT(t.must("origin", {"rollover", "status"}),
              HasSubstr("waits for the enrolment of 'edge3'"));
  t.must("edge3", d.member_init("edge3"));
  t.must("edge3", {"member", "enrol"});
  t.must("origin", d.admit("edge3"));
  t.must("edge3", d.confirm("edge3"));
  t.must("origin", d.release("av@2"));
  EXPECT_EQ(std::string(t.settle().at("state").as_string()), "armed");
  // Never the version that its old token may still hold.
  for (const std::string& object : d.objects("edge3", "privkey"))
    EXPECT_THAT(object, Not(HasSubstr("av@1")));
}

TEST_F(EvictTest, AStagedVersionThatItKnowsIsPassedOver) {
  t.must("origin", {"rollover", "start", "av", "--pool", "edge"});
  t.must("origin", d.release("av@2"));
  t.sync();
  const std::string said = evict();
  EXPECT_THAT(said, HasSubstr("It knows av@1, av@2"));
  EXPECT_THAT(said, HasSubstr("Rollover 'edge.av@3' begins."));
  EXPECT_THAT(t.must("origin", {"rollover", "status", "--all"}), HasSubstr("edge.av@2: aborted"));
  roll("av@3");
  EXPECT_EQ(state_of(t.status("edge.av@3")), "destroyed");
  for (const std::string side : {"origin", "edge1", "edge2"})
    for (const std::string& object : d.objects(side, "privkey"))
      EXPECT_THAT(object, testing::AnyOf(Not(HasSubstr("av@")), HasSubstr("av@3"))) << side;
  EXPECT_THAT(status(), Not(HasSubstr("EXPOSED")));
}

class CompromiseTest : public EvictTest {};

TEST_F(CompromiseTest, IsAGuidedRunWithADeadline) {
  const std::string said = t.must("origin", {"key", "compromise", "av@1", "--reason",
                                             "found on a "
                                             "share",
                                             "--out", d.path("").string()});
  EXPECT_THAT(said, HasSubstr("Revoke and replace it within 24 h"));
  EXPECT_THAT(said, HasSubstr("by our own CA: revoked by itself when the new version is in force"));
  EXPECT_THAT(said, HasSubstr("edge.av@2: awaiting-ceremony, to be done by "));
  t.wait(hours(2));
  EXPECT_THAT(status(), HasSubstr("EXPOSED: av@1 for 2 h (compromised: found on a share)"));
  EXPECT_THAT(status(), testing::ContainsRegex(", 2[12] h left"));
  t.must("origin", d.release("av@2"));
  t.settle();
  t.wait(hours(1));
  t.settle();
  const json::object over = t.settle();
  EXPECT_EQ(state_of(t.status("edge.av@2")), "destroyed") << waits_of(over);
  EXPECT_THAT(status(), Not(HasSubstr("EXPOSED")));
  EXPECT_EQ(
      d.count("origin", "ca_certificate WHERE state = 'revoked' AND reason = 'keyCompromise'"), 1);
  for (const std::string side : {"edge1", "edge2", "edge3", "origin"})
    for (const std::string& object : d.objects(side, "privkey"))
      EXPECT_THAT(object, Not(HasSubstr("av@1"))) << side;
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(CompromiseTest, OverdueIsSaid) {
  t.must("origin", {"key", "compromise", "av@1", "--reason", "x"});
  t.wait(Days(2));
  EXPECT_THAT(status(), HasSubstr("OVERDUE since"));
}

}  // namespace
}  // namespace poolkey::test
