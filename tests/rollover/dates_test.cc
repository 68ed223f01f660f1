// Effective dates, against the roll vectors of tests/data/edge.json.
#include "rollover/dates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "base/json.h"

namespace poolkey::rollover {
namespace {

using testing::HasSubstr;

json::array vectors() {
  const json::value file = json::parse(read_file(POOLKEY_SOURCE_DIR "/tests/data/edge.json"), "it");
  return json::as_array(file.as_object(), "roll_vectors", "edge.json");
}

std::string text(const json::object& o, const char* key) {
  return std::string(o.at(key).as_string());
}

Time time_of(const json::object& o, const char* key) { return parse_rfc3339(text(o, key) + "Z"); }

/// "PT8H"
Duration hours_of(const std::string& text) { return std::chrono::hours(std::stoi(text.substr(2))); }

/// One use for each type that is rolled; the vectors' lead is the longest of them.
std::vector<TokenUse> uses_of(const json::object& v) {
  const std::map<std::string, Duration> lifetimes{
      {"AudioVideoAuthentication", std::chrono::hours(8)},
      {"OAuthTokenIssuer", std::chrono::hours(24)}};
  std::vector<TokenUse> out;
  for (const auto& [type, lifetime] : lifetimes)
    if (text(v, "type").find(type) != std::string::npos) out.push_back({type, lifetime});
  EXPECT_EQ(lead(out), hours_of(text(v, "lead")));
  return out;
}

const std::map<std::string, DateFault> kVerdicts{
    {"ok", DateFault::kNone},
    {"error-overlap-shorter-than-token-lifetime", DateFault::kOverlapShorterThanTokenLifetime},
    {"error-member-after-effective-date", DateFault::kMemberAfterEffectiveDate},
    {"error-combined-needs-24h", DateFault::kCombinedNeedsLonger}};

TEST(DatesTest, EveryVectorOfTheProductsRolls) {
  ASSERT_EQ(vectors().size(), 6u);
  for (const json::value& each : vectors()) {
    const json::object& v = each.as_object();
    SCOPED_TRACE(text(v, "id"));
    RollDates dates{time_of(v, "old_not_after"), uses_of(v), time_of(v, "effective_date")};
    int n = 0;
    if (v.contains("member_provisioned"))
      for (const json::value& at : v.at("member_provisioned").as_array())
        dates.members.push_back({MemberName("edge" + std::to_string(++n)),
                                 parse_rfc3339(std::string(at.as_string()) + "Z")});
    const DateVerdict verdict = check_dates(dates);
    EXPECT_EQ(verdict.fault, kVerdicts.at(text(v, "verdict"))) << verdict.sentence;
    EXPECT_EQ(verdict.sentence.empty(), text(v, "verdict") == "ok");
    if (v.contains("remove_previous_from")) {
      EXPECT_EQ(remove_previous_from(dates.old_not_after), time_of(v, "remove_previous_from"));
    }
  }
}

TEST(DatesTest, TheLatestDateIsWhatTheDocumentsPrint) {
  EXPECT_EQ(rfc3339(latest_effective(parse_rfc3339("2012-07-22T14:00:00Z"), std::chrono::hours(8))),
            "2012-07-22T06:00:00Z");
}

TEST(DatesTest, TheSentenceSaysWhatWouldBeRight) {
  const Time ends = parse_rfc3339("2012-07-22T14:00:00Z");
  const TokenUse av{"AudioVideoAuthentication", std::chrono::hours(8)};
  EXPECT_EQ(check_dates({ends, {av}, parse_rfc3339("2012-07-22T06:00:01Z")}).sentence,
            "the effective date 2012-07-22T06:00:01Z is later than 2012-07-22T06:00:00Z: the old "
            "certificate ends at 2012-07-22T14:00:00Z, and tokens live for 8 h");
  EXPECT_THAT(check_dates({ends,
                           {av},
                           parse_rfc3339("2012-07-22T06:00:00Z"),
                           {{MemberName("edge2"), parse_rfc3339("2012-07-22T06:30:00Z")}}})
                  .sentence,
              HasSubstr("'edge2' had the new version only at 2012-07-22T06:30:00Z"));
}

TEST(DatesTest, JitterIsTheSameForTheSameNameAndSpreads) {
  const Duration spread = std::chrono::hours(24);
  EXPECT_EQ(jitter("edge.av", spread), jitter("edge.av", spread));
  EXPECT_EQ(jitter("edge.av", Duration::zero()), Duration::zero());
  Duration sum{};
  for (int i = 0; i < 1000; ++i) {
    const Duration one = jitter("pool" + std::to_string(i), spread);
    EXPECT_GE(one, Duration::zero());
    EXPECT_LT(one, spread);
    sum += one;
  }
  EXPECT_NEAR(static_cast<double>((sum / 1000).count()), 43200, 4000);
}

}  // namespace
}  // namespace poolkey::rollover
