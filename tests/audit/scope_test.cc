#include "audit/scope.h"

#include "tests/audit/log.h"
#include "tests/support/matchers.h"

namespace poolkey::audit {
namespace {

using test::Log;
using test::ThrowsErrc;
using testing::HasSubstr;

Act act() { return {"uid:1000", "key release", "edge/av@1", "policies/av-auth.toml:12", "op"}; }

TEST(ScopeTest, WritesIntentBeforeAndOutcomeAfter) {
  Log log;
  {
    Scope scope(log.chain, act());
    EXPECT_EQ(log.lines().size(), 1U);
    EXPECT_EQ(log.chain.open_intents().size(), 1U);
    json::object detail;
    detail["members"] = 3;
    scope.succeed(detail);
  }
  const auto lines = log.lines();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], HasSubstr(R"("phase":"intent")"));
  EXPECT_THAT(lines[1], HasSubstr(R"("phase":"outcome")"));
  EXPECT_THAT(lines[1], HasSubstr(R"("result":"ok")"));
  EXPECT_THAT(lines[1], HasSubstr(R"("intent":1)"));
  EXPECT_THAT(lines[1], HasSubstr(R"("detail":{"members":3})"));
  EXPECT_TRUE(log.chain.open_intents().empty());
}

TEST(ScopeTest, WritesADenialWithTheRuleThatForbids) {
  Log log;
  Scope(log.chain, act()).deny("policies/av-auth.toml:30");
  EXPECT_THAT(log.lines().at(1), HasSubstr(R"("rule":"policies/av-auth.toml:30")"));
  EXPECT_THAT(log.lines().at(1), HasSubstr(R"("result":"denied")"));
}

TEST(ScopeTest, RecordsWhatRunThrows) {
  Log log;
  EXPECT_THAT(
      [&] {
        Scope scope(log.chain, act());
        scope.run([] { throw Error(Errc::kUnavailable, 0x30UL, "the token is gone"); });
      },
      ThrowsErrc(Errc::kUnavailable));
  EXPECT_THAT(log.lines().at(1), HasSubstr(R"("result":"failed")"));
  EXPECT_THAT(log.lines().at(1),
              HasSubstr(R"({"code":"unavailable","error":"the token is gone","ckr":48})"));
}

TEST(ScopeTest, ReturnsWhatRunReturns) {
  Log log;
  Scope scope(log.chain, act());
  int value = 1;
  int& same = scope.run([&]() -> int& { return value; });
  EXPECT_EQ(&same, &value);
  scope.succeed();
}

TEST(ScopeTest, RecordsAnyOtherException) {
  Log log;
  EXPECT_THROW(
      {
        const Scope scope(log.chain, act());
        throw std::logic_error("defect");
      },
      std::logic_error);
  EXPECT_THAT(log.lines().at(1), HasSubstr(R"("error":"ended by an exception")"));
}

TEST(ScopeTest, RecordsAForgottenOutcomeAsADefect) {
  Log log;
  { const Scope scope(log.chain, act()); }
  EXPECT_THAT(log.lines().at(1), HasSubstr(R"("result":"failed")"));
  EXPECT_THAT(log.lines().at(1), HasSubstr("defect"));
}

TEST(ScopeTest, HasOneOutcome) {
  Log log;
  Scope scope(log.chain, act());
  scope.succeed();
  EXPECT_THAT([&] { scope.succeed(); }, ThrowsErrc(Errc::kInternal));
  EXPECT_EQ(log.lines().size(), 2U);
}

TEST(ScopeTest, PreventsTheActWhereTheIntentCannotBeWritten) {
  Log log;
  log.database.run("DROP TABLE audit_entry");
  bool acted = false;
  EXPECT_THAT(
      [&] {
        Scope scope(log.chain, act());
        acted = true;
      },
      ThrowsErrc(Errc::kInternal));
  EXPECT_FALSE(acted);
}

TEST(ScopeTest, DoesNotCallAnActFailedWhoseOutcomeCouldNotBeWritten) {
  Log log;
  {
    Scope scope(log.chain, act());
    log.database.run("ALTER TABLE audit_entry RENAME TO away");
    EXPECT_THAT([&] { scope.succeed(); }, ThrowsErrc(Errc::kInternal));
    log.database.run("ALTER TABLE away RENAME TO audit_entry");
  }
  EXPECT_EQ(log.lines().size(), 1U);
  EXPECT_EQ(log.chain.open_intents().size(), 1U);
}

TEST(ScopeTest, EndsQuietlyWhereTheLogIsGone) {
  Log log;
  EXPECT_THROW(
      {
        const Scope scope(log.chain, act());
        log.database.run("DROP TABLE audit_entry");
        throw std::logic_error("defect");
      },
      std::logic_error);
}

TEST(ScopeTest, LeavesAnIntentOfAProcessThatDied) {
  Log log;
  EXPECT_TRUE(test::was_killed(test::run_child([&] {
    store::Database database = store::Database::open(log.folder / "state.db");
    Chain chain(database, log.clock);
    const Scope scope(chain, act());
    ::kill(::getpid(), SIGKILL);
  })));
  Scope(log.chain, act()).succeed();
  const auto open = log.chain.open_intents();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].seq, 1);
  EXPECT_EQ(open[0].event.verb, "key release");
  EXPECT_EQ(open[0].event.operation, "op");
  EXPECT_FALSE(test::verify(log.lines()).problem);
}

}  // namespace
}  // namespace poolkey::audit
