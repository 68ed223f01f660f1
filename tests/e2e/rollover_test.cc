// Rollovers from end to end in virtual time, on real tokens: the whole of one, and what goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RolloverTest : public testing::Test {
 protected:
  std::string start() const {
    return t.must("origin", {"rollover", "start", "av", "--pool", "edge", "--reason", "a test"});
  }
  void ceremony(const std::string& version = "av@2") const {
    t.must("origin", d.release(version));
    t.sync();
  }
  /// Up to armed.
  json::object arm() {
    start();
    ceremony();
    json::object roll = t.settle();
    EXPECT_EQ(state_of(roll), "armed 2/2") << waits_of(roll);
    return roll;
  }
  static Time effective(const json::object& roll) {
    return parse_rfc3339(std::string(roll.at("effective").as_string()));
  }
  std::string linked(const std::string& member) const {
    return std::filesystem::read_symlink(d.home(member) / "tls" / "av").string().substr(0, 4);
  }
  std::string labels(const std::string& side) const {
    std::string out;
    for (const std::string& object : d.objects(side, "privkey")) out += object + "\n";
    return out;
  }

  Timeline t{Deployment::at(Stage::kCertified)};
  const Deployment& d = t.d;
};

TEST_F(RolloverTest, AWholeLife) {
  EXPECT_THAT(start(), HasSubstr("waits for the ceremony: 'poolkey key release av@2 --pool edge'"));
  ceremony();
  const json::object armed = t.settle();
  ASSERT_EQ(state_of(armed), "armed 2/2") << waits_of(armed);
  EXPECT_EQ(linked("edge1"), "av@1");

  // Each member changes over by its own clock, without a word of the origin.
  t.wait_until(effective(armed));
  t.must("edge1", {"member", "install"});
  EXPECT_EQ(linked("edge1"), "av@2");
  EXPECT_EQ(linked("edge2"), "av@1");
  const json::object overlap = t.settle();
  EXPECT_EQ(state_of(overlap), "overlap") << waits_of(overlap);
  EXPECT_EQ(linked("edge2"), "av@2");
  EXPECT_THAT(labels("edge1"), HasSubstr("av@1"));

  t.wait(Days(2));
  t.settle();
  EXPECT_EQ(state_of(t.status("edge.av@2")), "destroyed");
  for (const std::string side : {"origin", "edge1", "edge2"}) {
    EXPECT_THAT(labels(side), Not(HasSubstr("av@1"))) << side;
    EXPECT_THAT(labels(side), HasSubstr("av@2")) << side;
  }
  EXPECT_EQ(d.count("origin", "envelope WHERE version = 1"), 0);
  EXPECT_EQ(d.count("origin",
                    "key_version WHERE version = 1 AND state = 'destroyed' AND key_name = 'av'"),
            1);
  EXPECT_THAT(t.must("edge1", {"member", "status"}), Not(HasSubstr("av@1")));
  EXPECT_TRUE(d.unfinished("origin").empty());
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(RolloverTest, TheDateIsTheOldEndLessTheTokensLife) {
  const json::object roll = arm();
  const Outcome shown = shell("openssl x509 -enddate -noout -in '" +
                              (d.home("edge1") / "tls/av/certificate.pem").string() +
                              "' | cut -d= -f2 | date -u -f - +%s");
  const Time end{Duration(std::stoll(shown.out))};
  EXPECT_EQ(effective(roll), end - hours(8));
}

TEST_F(RolloverTest, NothingIsArmedBeforeEveryMemberIsProven) {
  start();
  t.must("origin", d.release("av@2"));
  const json::object roll = t.settle({"edge1"});
  EXPECT_EQ(state_of(roll), "released 1/2");
  EXPECT_THAT(waits_of(roll), HasSubstr("an answer of 'edge2' to the challenge of"));
  // A day later it is back.
  t.wait(Days(1));
  EXPECT_EQ(state_of(t.settle({"edge1"})), "released 1/2");
  EXPECT_EQ(state_of(t.settle()), "armed 2/2");
}

TEST_F(RolloverTest, AMemberWithAWrongClockKeepsTheDateFromBeingSet) {
  start();
  ceremony();
  json::object roll;
  for (int i = 0; i < 8; ++i) {
    roll = t.advance();
    t.sync({"edge1"});
    EXPECT_EQ(t.on("edge2", {"member", "sync"}, hours(2)).status, 0);
  }
  roll = t.advance();
  EXPECT_EQ(state_of(roll), "proven 1/2");
  EXPECT_THAT(waits_of(roll), HasSubstr("'edge2' to set its clock, which is at least"));
  EXPECT_EQ(state_of(t.settle()), "armed 2/2");
}

TEST_F(RolloverTest, AnAbortTakesTheDateBack) {
  const json::object roll = arm();
  EXPECT_THAT(t.must("edge1", {"member", "status"}), HasSubstr(rfc3339(effective(roll))));
  t.must("origin", {"rollover", "abort", "edge.av@2", "--reason", "not now"});
  t.sync();
  EXPECT_THAT(t.must("edge1", {"member", "status"}), Not(HasSubstr(rfc3339(effective(roll)))));
  t.wait_until(effective(roll));
  t.sync();
  EXPECT_EQ(linked("edge1"), "av@1");
  // The version that is staged is the next roll's.
  EXPECT_THAT(start(), HasSubstr("from av@1 to av@2"));
}

TEST_F(RolloverTest, AfterTheDateItIsTooLateToAbort) {
  const json::object roll = arm();
  t.wait_until(effective(roll));
  EXPECT_TRUE(refused(t.on("origin", {"rollover", "abort", "edge.av@2", "--reason", "x"}), 6,
                      {"it is too late to abort", "av@2 took over"}));
}

TEST_F(RolloverTest, VersionsReleasedAheadNeedNoCeremony) {
  // Another key under a policy that looks two rolls ahead; av stays as it is.
  const auto policy = d.path("av-auth.toml");
  write_file(policy,
             read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml") + "[ceremony]\nahead = 2\n");
  t.must("origin", {"key", "generate", "web", "--pool", "edge", "--policy", policy.string()});
  t.must("origin", d.release("web@1"));
  t.sync();
  EXPECT_THAT(t.must("origin", {"rollover", "start", "web", "--pool", "edge"}),
              HasSubstr("'poolkey key release web@2 web@3 web@4 --pool edge'"));
  t.must("origin", {"key", "release", "web@2", "web@3", "web@4", "--pool", "edge"});
  t.sync();
  for (const std::string version : {"web@2", "web@3", "web@4"}) {
    if (version != "web@2") t.must("origin", {"rollover", "start", "web", "--pool", "edge"});
    for (int i = 0; i < 3; ++i) {
      t.settle();
      t.wait(Days(1));
    }
    EXPECT_EQ(state_of(t.status("edge." + version)), "destroyed");
  }
  EXPECT_EQ(d.count("origin", "release"), 3);
}

class RenewalTest : public testing::Test {
 protected:
  /// As certified(), under a policy that keeps the key.
  static Deployment with_same_key() {
    Deployment d = Deployment::at(Stage::kEnrolled);
    const auto policy = d.path("av-auth.toml");
    write_file(policy, read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml") +
                           "[rollover]\nsame_key = true\n");
    d.must("origin", d.generate("av", policy.string()));
    d.must("origin", d.release());
    d.receive_all();
    d.must("origin", d.create_request());
    d.must("origin", d.issue());
    d.must("origin", {"certificate", "publish", "av@1"});
    for (const std::string& m : d.members()) d.must(m, {"member", "install"});
    return d;
  }
  std::string end() const {
    return shell("openssl x509 -enddate -noout -in '" +
                 (t.d.home("edge1") / "tls/av/certificate.pem").string() + "'")
        .out;
  }
  Timeline t{with_same_key()};
};

TEST_F(RenewalTest, TheSameKeyGetsANewCertificateWithoutPeople) {
  const std::string before = end();
  t.wait(Days(197));
  const json::object over = t.settle();
  EXPECT_EQ(state_of(t.status("edge.av@1.renewal")), "effective 2/2") << waits_of(over);
  EXPECT_NE(end(), before);
  EXPECT_EQ(t.d.count("origin", "key_version WHERE key_name = 'av'"), 1);
  EXPECT_THAT(t.must("origin", {"rollover", "advance"}), HasSubstr("none is due"));
  // Another whole certificate would outlive the key.
  t.wait(Days(197));
  EXPECT_THAT(t.must("origin", {"rollover", "advance"}), HasSubstr("generate av@2"));
}

TEST_F(RolloverTest, ACeremonyAbandonedHalfWayIsHeldAgain) {
  start();
  for (const char* point : {"key release/number:recorded", "key release/wrap:before"}) {
    d.crash("origin", d.release("av@2"), point);
    const json::object roll = t.settle();
    EXPECT_EQ(state_of(roll), "awaiting-ceremony") << point;
    EXPECT_THAT(waits_of(roll), HasSubstr("the ceremony: 'poolkey key release av@2"));
  }
  ceremony();
  EXPECT_EQ(state_of(t.settle()), "armed 2/2");
}

TEST_F(RolloverTest, OneAtATime) {
  start();
  EXPECT_TRUE(refused(t.on("origin", {"rollover", "start", "av", "--pool", "edge"}), 6,
                      {"the rollover 'edge.av@2' goes on for key 'av' (awaiting-ceremony)"}));
}

TEST_F(RolloverTest, ADryRunChangesNothing) {
  const std::string before = d.inventory();
  EXPECT_THAT(t.must("origin", {"rollover", "start", "av", "--pool", "edge", "--dry-run"}),
              testing::AllOf(HasSubstr("would generate av@2"), HasSubstr("takes over by 20"),
                             HasSubstr("and what is signed lives for 8 h")));
  EXPECT_THAT(t.must("edge1", {"member", "sync", "--dry-run"}),
              testing::AllOf(HasSubstr("Would check and take"), HasSubstr("Nothing was changed")));
  EXPECT_THAT(t.must("origin",
                     {"member", "evict", "edge2", "--pool", "edge", "--reason", "x", "--dry-run"}),
              HasSubstr("av@1 would count as exposed"));
  EXPECT_THAT(t.must("origin", {"key", "compromise", "av@1", "--reason", "x", "--dry-run"}),
              HasSubstr("Would begin a roll away from av@1"));
  t.must("origin", {"rollover", "advance", "--dry-run"});
  EXPECT_EQ(d.inventory(), before);
  EXPECT_EQ(d.count("origin", "rollover"), 0);
}

TEST_F(RolloverTest, ItBeginsByItselfWhenItIsDue) {
  EXPECT_THAT(t.must("origin", {"rollover", "advance"}), HasSubstr("none is due"));
  t.wait(Days(195));
  EXPECT_THAT(t.must("origin", {"rollover", "advance"}),
              HasSubstr("Rollover 'edge.av@2' begins: its certificate ends at"));
  EXPECT_EQ(state_of(t.status("edge.av@2")), "awaiting-ceremony");
}

TEST_F(RolloverTest, TooLateIsToldAndDecidedByAPerson) {
  t.wait(Days(198) + hours(20));
  start();
  t.must("origin", d.release("av@2"));
  const json::object roll = t.settle();
  EXPECT_EQ(state_of(roll), "proven 2/2") << waits_of(roll);
  EXPECT_THAT(waits_of(roll), HasSubstr("it is too late for a roll that breaks nothing"));
  EXPECT_EQ(t.on("origin", {"rollover", "status"}).status, 20);
  const json::object armed = t.advance({"edge.av@2", "--short-overlap"});
  EXPECT_EQ(std::string(armed.at("state").as_string()), "armed");
}

TEST_F(RolloverTest, AnOldKeyDeletedByHandInTheOverlapHoldsNothingUp) {
  const json::object roll = arm();
  t.wait_until(effective(roll));
  EXPECT_EQ(state_of(t.settle()), "overlap");
  d.pkcs11_tool("edge1", "--delete-object --type privkey --label av@1");
  EXPECT_THAT(t.on("edge1", {"member", "status"}).out, HasSubstr("absent"));
  // It can be given again as long as it is needed.
  t.must("origin", {"pool", "challenge", "edge"});
  t.sync();
  EXPECT_THAT(t.must("origin", {"pool", "reconcile", "edge"}), HasSubstr("av@1 for 'edge1'"));
  t.sync();
  EXPECT_THAT(labels("edge1"), HasSubstr("av@1"));
  d.pkcs11_tool("edge1", "--delete-object --type privkey --label av@1");
  t.wait(Days(2));
  t.settle();
  EXPECT_EQ(state_of(t.status("edge.av@2")), "destroyed");
}

TEST_F(RolloverTest, AProcessThatSignsWithACopyKeepsItFromBeingDestroyed) {
  const json::object roll = arm();
  t.wait_until(effective(roll));
  t.settle();
  t.wait(Days(2));
  // As a process with a session copy does, by poolkey.so.
  const std::string folder = (d.home("edge1") / "state/in-use").string();
  ASSERT_TRUE(succeeded(shell("ls '" + folder + "'/*")));
  const std::string pids = d.path("pids").string();
  shell("for f in '" + folder + "'/*; do flock -o -s -n $f sleep 60 & echo $! >> '" + pids +
        "'; done >/dev/null 2>&1; sleep 0.3");
  const json::object kept = t.settle();
  EXPECT_EQ(state_of(kept), "retired 1/2");
  EXPECT_THAT(
      waits_of(kept),
      HasSubstr("processes of 'edge1' that still sign with a copy of av@1 to be reloaded: "));
  EXPECT_TRUE(succeeded(shell("kill $(cat '" + pids + "'); sleep 0.3")));
  t.settle();
  EXPECT_EQ(state_of(t.status("edge.av@2")), "destroyed");
}

}  // namespace
}  // namespace poolkey::test
