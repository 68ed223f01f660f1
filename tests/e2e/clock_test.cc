// Members whose clocks are wrong by decades: nothing of the protocol trusts one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

class WrongClockTest : public testing::TestWithParam<std::string> {
 protected:
  /// A verb of one side as if it were that day there.
  static std::string must_on(const Deployment& d, const std::string& side, const Words& verb) {
    const Outcome outcome = d.on(side, verb, [](Command& c) {
      c.words = at_time("@" + GetParam() + " 00:00:00", std::move(c.words));
    });
    if (outcome.status != 0) throw std::runtime_error(outcome.text());
    return outcome.out;
  }
};

TEST_P(WrongClockTest, AMemberReceivesProvesAndInstallsAllTheSame) {
  const Deployment d = Deployment::at(Stage::kReleased);
  must_on(d, "edge1", {"member", "receive"});
  d.must("edge2", {"member", "receive"});
  d.must("origin", {"pool", "challenge", "edge"});
  must_on(d, "edge1", {"member", "prove"});
  d.must("edge2", {"member", "prove"});
  d.must("origin", {"pool", "attest", "edge"});
  d.must("origin", d.create_request());
  d.must("origin", d.issue());
  d.must("origin", {"certificate", "publish", "av@1"});
  must_on(d, "edge1", {"member", "install"});
  must_on(d, "edge1", {"member", "receive"});
  must_on(d, "edge1", {"member", "status"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_P(WrongClockTest, AReplayIsRefusedAllTheSame) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const auto envelope = d.mail("edge1", "envelope.av@1.cms");
  std::filesystem::copy_file(envelope, d.path("older.cms"));
  d.must("origin", d.release());
  must_on(d, "edge1", {"member", "receive"});
  std::filesystem::copy_file(d.path("older.cms"), envelope);
  const Outcome outcome = d.on("edge1", {"member", "receive"}, [](Command& c) {
    c.words = at_time("@" + GetParam() + " 00:00:00", std::move(c.words));
  });
  EXPECT_TRUE(refused(outcome, 6, {"older than release"}));
}

INSTANTIATE_TEST_SUITE_P(Days, WrongClockTest, testing::Values("1999-01-01", "2059-07-01"),
                         [](const auto& day) { return "Of" + day.param.substr(0, 4); });

TEST(InjectedClockTest, DatesOfCertificatesAreTheOriginsOwn) {
  const Deployment d = Deployment::at(Stage::kProven);
  d.must("origin", d.create_request());
  const Outcome issued = d.on("origin", d.issue(), [](Command& c) {
    c.words = at_time("@2026-12-24 12:00:00", std::move(c.words));
  });
  ASSERT_TRUE(succeeded(issued));
  const Outcome dates = run({.words = {"openssl", "x509", "-in", d.path("out/cert.pem").string(),
                                       "-noout", "-startdate"}});
  EXPECT_THAT(dates.out, testing::HasSubstr("Dec 24"));
}

}  // namespace
}  // namespace poolkey::test
