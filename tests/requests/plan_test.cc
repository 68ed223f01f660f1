#include "requests/plan.h"

#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Days kAhead{30};
const Time kEnd = at("2027-05-01T00:00:00Z");

/// docs/topology.toml: A/V has its own, OAuth is there, turnaround 5 days at the public CA.
std::string whole() { return read_file(POOLKEY_SOURCE_DIR "/docs/topology.toml"); }

PlannedCertificate one(const std::string& text, const std::string& id) {
  for (PlannedCertificate& p : plan(parse_topology(text, "t")))
    if (p.id == id) return std::move(p);
  throw Error(Errc::kNotFound, "no " + id);
}

Existing existing(std::uint32_t version, State state, std::optional<Time> end = std::nullopt) {
  const KeyVersion key{KeyName("av"), version};
  return {"edge.edge-external." + key.str() + ".public", key, state, end};
}

/// When to ask, before the end of what is there.
Duration lead(const std::string& text, const std::string& id) {
  PlannedCertificate p = one(text, id);
  EXPECT_FALSE(p.ask_by()) << "with nothing there, now";
  p.existing.push_back(existing(1, State::kInstalled, kEnd));
  return kEnd - p.ask_by().value();
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  const std::size_t place = text.find(from);
  if (place == std::string::npos) throw Error(Errc::kNotFound, from);
  return text.replace(place, from.size(), to);
}

TEST(AskByTest, IsTheEndLessTokensTurnaroundAndRollOut) {
  using std::chrono::hours;
  // Whose key signs relay tokens waits for the longest of them; a separate A/V key takes that away.
  EXPECT_EQ(lead(whole(), "edge.edge-external"), Days(5) + hours(48));
  EXPECT_EQ(lead(whole(), "edge.av-authentication"), hours(8) + Days(1) + hours(48));
  const std::string shared = changed(whole(), "av_certificate = \"separate\"", "");
  const std::string mended = changed(shared, "av-authentication = \"corporate\", ", "");
  EXPECT_EQ(lead(mended, "edge.edge-external"), hours(8) + Days(5) + hours(48));
  EXPECT_EQ(lead(whole(), "front-ends.oauth"), hours(24) + hours(48));
  EXPECT_EQ(lead(whole(), "front-ends.front-end.ee01"), hours(48));
}

TEST(AskByTest, FollowsTheTopology) {
  using std::chrono::hours;
  std::string text = changed(whole(), "av_token_hours = 8", "av_token_hours = 20");
  text = changed(text, "oauth_token_hours = 24", "oauth_token_hours = 48");
  text = changed(text, "roll_out_hours = 48", "roll_out_hours = 96");
  text = changed(text, "turnaround_days = 5", "turnaround_days = 14");
  EXPECT_EQ(lead(text, "edge.av-authentication"), hours(20) + Days(1) + hours(96));
  EXPECT_EQ(lead(text, "edge.edge-external"), Days(14) + hours(96));
  EXPECT_EQ(lead(text, "front-ends.oauth"), hours(48) + hours(96));
}

TEST(AskByTest, CountsFromTheCertificateThatEndsLast) {
  PlannedCertificate p = one(whole(), "edge.edge-external");
  p.existing = {existing(2, State::kAccepted, kEnd),
                existing(1, State::kInstalled, kEnd - Days(90)), existing(3, State::kSubmitted)};
  EXPECT_EQ(p.current()->key.version, 2U);
  EXPECT_EQ(p.ask_by(), kEnd - Days(7));
}

class WarningTest : public testing::Test {
 protected:
  WarningTest() { planned.existing.push_back(existing(1, State::kInstalled, kEnd)); }
  std::string at_day(Days before_end) const { return warning(planned, kEnd - before_end, kAhead); }

  PlannedCertificate planned = one(whole(), "edge.edge-external");  // to be asked for 7 days before
};

TEST_F(WarningTest, ComesInTimeAndSaysHowLongThereIs) {
  EXPECT_THAT(warning(planned, kEnd - Days(37) - Duration(1), kAhead), IsEmpty());
  EXPECT_EQ(at_day(Days(37)),
            "edge.edge-external: ask for the next one within 30 days (av@1 ends at "
            "2027-05-01T00:00:00Z)");
  EXPECT_THAT(at_day(Days(8)), HasSubstr("within 1 day ("));
  EXPECT_THAT(warning(planned, kEnd - Days(7) - Duration(1), kAhead), HasSubstr("within 0 days ("));
  EXPECT_THAT(at_day(Days(7)), HasSubstr("should have been asked for 0 days ago"));
  EXPECT_THAT(at_day(Days(5)), HasSubstr("should have been asked for 2 days ago"));
  EXPECT_THAT(at_day(Days(0)), HasSubstr("has EXPIRED (av@1 ends at"));
}

TEST_F(WarningTest, IsSilencedByALaterRequestOnItsWay) {
  for (const State state : {State::kSubmitted, State::kIssued}) {
    planned.existing.erase(planned.existing.begin() + 1, planned.existing.end());
    planned.existing.push_back(existing(2, state));
    EXPECT_THAT(at_day(Days(5)), IsEmpty()) << name(state);
  }
  for (const State state : {State::kLinted, State::kApproved, State::kSigned}) {
    planned.existing.erase(planned.existing.begin() + 1, planned.existing.end());
    planned.existing.push_back(existing(2, state));
    EXPECT_THAT(at_day(Days(5)), HasSubstr("should have been")) << name(state);
  }
  planned.existing.erase(planned.existing.begin() + 1, planned.existing.end());
  planned.existing.push_back(existing(2, State::kAccepted, kEnd + Days(190)));
  EXPECT_THAT(at_day(Days(5)), IsEmpty());
}

TEST_F(WarningTest, IsNotSilencedOnceTheCertificateHasEnded) {
  planned.existing.push_back(existing(2, State::kSubmitted));
  EXPECT_THAT(at_day(Days(0)), HasSubstr("has EXPIRED"));
}

TEST_F(WarningTest, SaysNothingWhereThereIsNoCertificate) {
  planned.existing.clear();
  EXPECT_THAT(at_day(Days(0)), IsEmpty());
}

}  // namespace
}  // namespace poolkey::requests
