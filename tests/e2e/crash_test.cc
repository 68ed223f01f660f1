// Every verb that works in steps is stopped dead at every point of each, and run again: what comes
// of it is what an undisturbed run makes, once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "e2e/deployment.h"
#include "store/sql.h"

namespace poolkey::test {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

/// A verb, the operation it journals, and the steps that it must have.
struct Subject {
  std::string name;
  std::string side;
  Stage before;
  std::string operation;
  std::string of;  ///< part of the operation's subject; verbs may run several operations
  std::vector<std::string> steps;
  Words (*verb)(const Deployment&);
};

std::ostream& operator<<(std::ostream& out, const Subject& subject) { return out << subject.name; }

const std::vector<Subject>& subjects() {
  static const auto& all = *new std::vector<Subject>{
      {"KeyGenerate",
       "origin",
       Stage::kEnrolled,
       "key generate",
       "av",
       {"version", "terms", "id", "generate", "record"},
       [](const Deployment& d) { return d.generate(); }},
      {"KeyRelease",
       "origin",
       Stage::kGenerated,
       "key release",
       "av@1",
       {"number", "wrap", "post"},
       [](const Deployment& d) { return d.release(); }},
      {"MemberReceive",
       "edge1",
       Stage::kReleased,
       "member receive",
       "av@1",
       {"replica", "record"},
       [](const Deployment&) {
         return Words{"member", "receive"};
       }},
      {"CertificateIssue",
       "origin",
       Stage::kProven,
       "certificate issue",
       "av@1",
       {"issue", "accept"},
       [](const Deployment& d) { return d.issue(); }},
      {"MemberEnrol",
       "edge1",
       Stage::kSetUp,
       "member key",
       "poolkey-",
       {"id", "generate", "record"},
       [](const Deployment&) {
         return Words{"member", "enrol"};
       }},
  };
  return all;
}

class CrashTest : public testing::TestWithParam<Subject> {
 protected:
  static Deployment fresh() {
    Deployment d = Deployment::at(GetParam().before);
    if (GetParam().name == "CertificateIssue") d.must("origin", d.create_request());
    return d;
  }
  /// The steps that the verb's operation really has, from the journal of a clean run.
  static std::vector<std::string> steps_of(const Deployment& done) {
    auto database = store::Database::open(done.home(GetParam().side) / "state.db");
    std::vector<std::string> out;
    for (const store::Row& row : database.rows(
             "SELECT s.name AS name FROM operation_step s JOIN operation o ON o.id = s.operation"
             " WHERE o.verb = :verb AND o.subject LIKE :subject GROUP BY s.name"
             " ORDER BY MIN(s.number)",
             {{"verb", GetParam().operation}, {"subject", "%" + GetParam().of + "%"}}))
      out.push_back(row.text("name"));
    return out;
  }
  /// What there is, without what chance chooses: key identifiers and certificate serials.
  static std::string shape(const Deployment& d) {
    std::string out;
    std::istringstream lines(d.inventory());
    for (std::string line; std::getline(lines, line);) {
      const bool object = line.find(" Object ") != std::string::npos;
      out += (object ? line.substr(0, line.rfind(' ')) : line) + "\n";
    }
    return out;
  }
};

TEST_P(CrashTest, RunAgainItConverges) {
  const Subject& subject = GetParam();
  const Deployment clean = fresh();
  const Words verb = subject.verb(clean);
  clean.must(subject.side, verb);
  const std::string wanted = shape(clean);
  const std::vector<std::string> steps = steps_of(clean);
  ASSERT_THAT(steps, testing::ElementsAreArray(subject.steps));

  for (const std::string& step : steps)
    for (const char* point : {"before", "after", "recorded"}) {
      SCOPED_TRACE(step + ":" + point);
      const Deployment d = fresh();
      const Words again = subject.verb(d);
      d.crash(subject.side, again, subject.operation + "/" + step + ":" + point);
      EXPECT_THAT(d.unfinished(subject.side), SizeIs(1));
      const Outcome outcome = d.on(subject.side, again);
      ASSERT_TRUE(succeeded(outcome));
      EXPECT_EQ(shape(d), wanted);
      EXPECT_THAT(d.unfinished(subject.side), IsEmpty());
      EXPECT_TRUE(d.audit_is_whole());
    }
}

INSTANTIATE_TEST_SUITE_P(Verbs, CrashTest, testing::ValuesIn(subjects()),
                         [](const auto& subject) { return subject.param.name; });

TEST(CrashedReleaseTest, IsWholeAfterwardsToTheLastProof) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  d.crash("origin", d.release(), "key release/wrap:after");
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge1", "envelope.av@1.cms")));
  EXPECT_THAT(d.must("origin", {"status"}), testing::HasSubstr("Unfinished: 'key release'"));
  d.must("origin", d.release());
  d.crash("edge1", {"member", "receive"}, "member receive/replica:after");
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_EQ(d.count("origin", "release"), 1);
}

}  // namespace
}  // namespace poolkey::test
