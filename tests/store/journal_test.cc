#include "store/journal.h"

#include <cstdlib>
#include <fstream>

#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::store {
namespace {

using test::ThrowsErrc;

class JournalTest : public testing::Test {
 protected:
  ~JournalTest() override { ::unsetenv("POOLKEY_FAILPOINT"); }

  /// A verb of three steps, each of which leaves a line in a file: what the world has seen.
  void work() {
    Database db = Database::open(file_);
    Operation operation = Journal(db).begin("key release", "edge/av@1");
    const auto step = [&](const std::string& name) {
      return operation.step(name, [&] {
        std::ofstream(acts_, std::ios::app) << name << '\n';
        return "result of " + name;
      });
    };
    EXPECT_EQ(step("plan"), "result of plan");
    EXPECT_EQ(step("wrap/edge-1"), "result of wrap/edge-1");
    EXPECT_EQ(step("write"), "result of write");
    operation.finish();
  }
  std::vector<std::string> acts() const {
    std::ifstream in(acts_);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  }
  std::vector<PendingOperation> pending() {
    Database db = Database::open(file_);
    return Journal(db).pending();
  }

  test::Scratch folder_;
  const std::filesystem::path file_ = folder_ / "state.db";
  const std::filesystem::path acts_ = folder_ / "acts";
};

TEST_F(JournalTest, RunsEachStepOnceAndForgetsNothing) {
  work();
  EXPECT_THAT(acts(), testing::ElementsAre("plan", "wrap/edge-1", "write"));
  EXPECT_TRUE(pending().empty());
}

TEST_F(JournalTest, StartsANewOperationAfterAFinishedOne) {
  work();
  work();
  EXPECT_EQ(acts().size(), 6U);
}

TEST_F(JournalTest, ReturnsTheRecordedResultWithoutActingAgain) {
  Database db = Database::open(file_);
  Journal journal(db);
  std::string id;
  {
    Operation operation = journal.begin("verb", "subject");
    EXPECT_FALSE(operation.resumed());
    id = operation.id();
    EXPECT_THAT(id, testing::MatchesRegex("[0-9a-f]{16}"));
    EXPECT_EQ(operation.step("one", [] { return ""; }), "");
  }
  Operation operation = journal.begin("verb", "subject");
  EXPECT_TRUE(operation.resumed());
  EXPECT_EQ(operation.id(), id);
  EXPECT_EQ(operation.step("one", []() -> std::string { throw std::logic_error("again"); }), "");
}

TEST_F(JournalTest, LeavesAStepThatThrewToTheNextRun) {
  Database db = Database::open(file_);
  Journal journal(db);
  {
    Operation operation = journal.begin("verb", "subject");
    operation.step("one", [] { return "1"; });
    EXPECT_THROW(operation.step("two", []() -> std::string { throw std::runtime_error("x"); }),
                 std::runtime_error);
  }
  const auto left = journal.pending();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].verb, "verb");
  EXPECT_EQ(left[0].subject, "subject");
  EXPECT_THAT(left[0].done, testing::ElementsAre("one"));
  EXPECT_EQ(left[0].interrupted, "two");
  EXPECT_EQ(journal.begin("verb", "subject").step("two", [] { return "2"; }), "2");
}

TEST_F(JournalTest, KeepsVerbsAndSubjectsApart) {
  Database db = Database::open(file_);
  Journal journal(db);
  const Operation one = journal.begin("verb", "a");
  const Operation two = journal.begin("verb", "b");
  const Operation three = journal.begin("other", "a");
  EXPECT_EQ(journal.pending().size(), 3U);
  EXPECT_NE(one.id(), two.id());
}

TEST_F(JournalTest, GivesUpAnUnfinishedRunThatWasAboutSomethingElse) {
  Database db = Database::open(file_);
  Journal journal(db);
  journal.begin("prove", "edge1", "nonce 1").step("answer", [] { return "1"; });
  {
    Operation same = journal.begin("prove", "edge1", "nonce 1");
    EXPECT_TRUE(same.resumed());
  }
  Operation other = journal.begin("prove", "edge1", "nonce 2");
  EXPECT_FALSE(other.resumed());
  EXPECT_EQ(other.step("answer", [] { return "2"; }), "2");
  EXPECT_EQ(journal.pending().size(), 1U);
  other.finish();
  EXPECT_TRUE(journal.pending().empty());
}

TEST_F(JournalTest, RefusesTheSameOperationTwiceAtATime) {
  Database db = Database::open(file_);
  Journal journal(db);
  const Operation running = journal.begin("verb", "a");
  EXPECT_THAT([&] { journal.begin("verb", "a"); }, ThrowsErrc(Errc::kConflict, "another process"));
  EXPECT_NE(test::run_child([&] {
              Database other = Database::open(file_);
              Journal(other).begin("verb", "a");
            }),
            0);
}

/// Where the process dies, and which acts the world has then seen in the end.
struct Death {
  std::string step;
  std::string point;
  std::size_t acts;
  friend void PrintTo(const Death& d, std::ostream* out) { *out << d.step << " " << d.point; }
};

class JournalDeathTest : public JournalTest, public testing::WithParamInterface<Death> {};

TEST_P(JournalDeathTest, ResumesAfterSigkill) {
  const Death& death = GetParam();
  ::setenv("POOLKEY_FAILPOINT", ("key release/" + death.step + ":" + death.point).c_str(), 1);
  ASSERT_TRUE(test::was_killed(test::run_child([&] { work(); })));
  ::unsetenv("POOLKEY_FAILPOINT");

  const auto left = pending();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].interrupted.has_value(), death.point != "recorded");

  EXPECT_EQ(test::run_child([&] { work(); }), 0);
  EXPECT_EQ(acts().size(), death.acts);  // one more only where the act was done and not recorded
  EXPECT_TRUE(pending().empty());
}

INSTANTIATE_TEST_SUITE_P(
    EveryPoint, JournalDeathTest,
    testing::Values(Death{"plan", "before", 3}, Death{"plan", "after", 4},
                    Death{"plan", "recorded", 3}, Death{"wrap/edge-1", "before", 3},
                    Death{"wrap/edge-1", "after", 4}, Death{"wrap/edge-1", "recorded", 3},
                    Death{"write", "before", 3}, Death{"write", "after", 4},
                    Death{"write", "recorded", 3}),
    [](const auto& death) {
      std::string name = death.param.step + "_" + death.param.point;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

TEST_F(JournalTest, ReadsTheFailPointOnce) {
  Database db = Database::open(file_);
  Journal journal(db);
  ::setenv("POOLKEY_FAILPOINT", "verb/one:before", 1);
  EXPECT_EQ(journal.begin("verb", "a").step("one", [] { return "1"; }), "1");
}

}  // namespace
}  // namespace poolkey::store
