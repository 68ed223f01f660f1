// Repeated calls: who runs, who gets the answer again, and what a crash leaves.
#include "service/idempotency.h"

#include <atomic>
#include <thread>

#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::service {
namespace {

using namespace std::chrono_literals;
using policy::PrincipalKind;
using test::ThrowsErrc;

const Time kNow = parse_rfc3339("2026-11-23T12:00:00Z");

Request request(const std::string& body, Fields headers = {{"idempotency-key", "k-1"}}) {
  Request out;
  out.method = "POST";
  out.target = "/v1/requests";
  out.headers = std::move(headers);
  out.body = body;
  return out;
}

KeyedCall call(const std::string& body = "{}", const std::string& name = "app") {
  return *keyed_call({PrincipalKind::kClient, name}, request(body));
}

class IdempotencyTest : public testing::Test {
 protected:
  test::Scratch folder_;
  const std::filesystem::path file_ = folder_ / "state.db";
  store::Database database_ = store::Database::open(file_);
  Idempotency first_{"run-1"};
  Idempotency second_{"run-2"};  // after a restart
  const Response answer_{.status = 201,
                         .content_type = "application/pkcs10",
                         .body = std::string("a\0\xff z", 5),
                         .headers = {{"location", "/v1/requests/1"}}};
};

TEST_F(IdempotencyTest, GivesTheFirstAnswerAgain) {
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kFresh);
  first_.finish(database_, call(), answer_);
  for (Idempotency* run : {&first_, &second_}) {
    const auto found = run->begin(database_, call(), kNow + 1h);
    EXPECT_EQ(found.begun, Begun::kReplay);
    EXPECT_EQ(found.answer.status, 201U);
    EXPECT_EQ(found.answer.content_type, "application/pkcs10");
    EXPECT_EQ(found.answer.body, answer_.body);
    EXPECT_EQ(found.answer.headers,
              (Fields{{"location", "/v1/requests/1"}, {"idempotency-replayed", "true"}}));
  }
}

TEST_F(IdempotencyTest, RefusesTheKeyForAnotherCall) {
  first_.begin(database_, call("{}"), kNow);
  EXPECT_EQ(first_.begin(database_, call("{ }"), kNow).begun, Begun::kOther);
  first_.finish(database_, call("{}"), answer_);
  EXPECT_EQ(first_.begin(database_, call("{ }"), kNow).begun, Begun::kOther);
  EXPECT_EQ(second_.begin(database_, call("{ }"), kNow).begun, Begun::kOther);
}

TEST_F(IdempotencyTest, AnswersACallOnce) {
  int ran = 0, replayed = 0;
  const auto once = [&](Idempotency& run, const KeyedCall& keyed) {
    return run.once(
        database_, keyed, kNow, [&] { return ++ran, answer_; }, [&] { ++replayed; });
  };
  EXPECT_EQ(once(first_, call()).body, answer_.body);
  EXPECT_EQ(once(first_, call()).body, answer_.body);
  EXPECT_EQ(once(second_, call()).body, answer_.body);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(replayed, 2);
  EXPECT_THAT([&] { once(first_, call("{ }")); }, ThrowsErrc(Errc::kInvalidArgument, "another"));
}

TEST_F(IdempotencyTest, TriesAgainWhatWasRefusedOrThrew) {
  const auto none = [] {};
  EXPECT_EQ(first_
                .once(
                    database_, call(), kNow, [] { return Response{.status = 409}; }, none)
                .status,
            409U);
  EXPECT_THAT(
      [&] {
        first_.once(
            database_, call(), kNow,
            []() -> Response { throw Error(Errc::kUnavailable, "the token is away"); }, none);
      },
      ThrowsErrc(Errc::kUnavailable));
  EXPECT_EQ(first_
                .once(
                    database_, call(), kNow, [&] { return answer_; }, none)
                .status,
            201U);
}

/// Its end could not be written: the disk was full.
TEST_F(IdempotencyTest, TakesOverWhatNoWorkerHas) {
  first_.begin(database_, call(), kNow);
  database_.run("ALTER TABLE idempotency RENAME TO away");
  EXPECT_ANY_THROW(first_.finish(database_, call(), answer_));
  database_.run("ALTER TABLE away RENAME TO idempotency");
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kResumed);
}

TEST_F(IdempotencyTest, LetsOneOfManyThreadsRun) {
  std::atomic<int> ran = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i)
      threads.emplace_back([&] {
        auto database = store::Database::open(file_);
        for (int n = 0; n < 20; ++n) {
          KeyedCall keyed = call();
          keyed.key = std::to_string(n);
          try {
            first_.once(
                database, keyed, kNow, [&] { return ++ran, answer_; }, [] {});
          } catch (const Error& error) {
            EXPECT_EQ(error.code(), Errc::kConflict) << error.what();
          }
        }
      });
  }
  EXPECT_EQ(ran, 20);
}

TEST_F(IdempotencyTest, SaysThatTheFirstIsNotOver) {
  first_.begin(database_, call(), kNow);
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kRunning);
}

TEST_F(IdempotencyTest, KeepsPrincipalsApart) {
  first_.begin(database_, call("{}", "app"), kNow);
  first_.finish(database_, call("{}", "app"), answer_);
  EXPECT_EQ(first_.begin(database_, call("{}", "other"), kNow).begun, Begun::kFresh);
}

TEST_F(IdempotencyTest, RunsAgainWhatACrashLeftUnanswered) {
  first_.begin(database_, call(), kNow);
  EXPECT_EQ(second_.begin(database_, call(), kNow).begun, Begun::kResumed);
  EXPECT_EQ(second_.begin(database_, call(), kNow).begun, Begun::kRunning);
  EXPECT_THAT([&] { first_.finish(database_, call(), answer_); }, ThrowsErrc(Errc::kConflict));
  first_.abandon(database_, call());  // takes nothing from the other run
  second_.finish(database_, call(), answer_);
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kReplay);
}

TEST_F(IdempotencyTest, TriesAgainWhatFailed) {
  first_.begin(database_, call(), kNow);
  first_.abandon(database_, call());
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kFresh);
  first_.finish(database_, call(), answer_);
  first_.abandon(database_, call());
  EXPECT_EQ(first_.begin(database_, call(), kNow).begun, Begun::kReplay);
}

TEST_F(IdempotencyTest, PartsNoAnswerFromWhatItTellsOf) {
  first_.begin(database_, call(), kNow);
  {
    store::Transaction transaction(database_);
    database_.run("INSERT INTO setting (name, value) VALUES ('done', 'yes')");
    first_.finish(database_, call(), answer_);
  }  // a crash before the commit
  EXPECT_TRUE(database_.rows("SELECT name FROM setting WHERE name = 'done'").empty());
  EXPECT_EQ(second_.begin(database_, call(), kNow).begun, Begun::kResumed);
}

TEST_F(IdempotencyTest, ForgetsAfterADay) {
  first_.begin(database_, call(), kNow);
  first_.finish(database_, call(), answer_);
  Idempotency::forget_old(database_, kNow + 24h);
  EXPECT_EQ(first_.begin(database_, call(), kNow + 24h).begun, Begun::kReplay);
  Idempotency::forget_old(database_, kNow + 24h + 1s);
  EXPECT_EQ(first_.begin(database_, call(), kNow + 25h).begun, Begun::kFresh);
}

TEST_F(IdempotencyTest, LetsOneOfManyProcessesRun) {
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i)
    children.push_back(test::start_child([&] {
      auto database = store::Database::open(file_);
      for (int n = 0; n < 20; ++n)
        if (first_.begin(database, call(std::to_string(n)), kNow).begun == Begun::kFresh)
          throw Error(Errc::kInternal, "ran");
    }));
  int ran = 0;
  for (const pid_t child : children) ran += test::end_of(child) != 0 ? 1 : 0;
  EXPECT_EQ(ran, 1) << "one call has the key, whichever it is";
}

TEST(KeyedCallTest, IsAboutAllThatIsAsked) {
  const auto digest = [](const Request& r) {
    return keyed_call({PrincipalKind::kClient, "app"}, r)->digest;
  };
  Request other = request("{}");
  EXPECT_EQ(digest(request("{}")), digest(other));
  other.method = "PUT";
  EXPECT_NE(digest(request("{}")), digest(other));
  other = request("{}");
  other.target += "?x=1";
  EXPECT_NE(digest(request("{}")), digest(other));
  EXPECT_NE(digest(request("{}")), digest(request("{}\n")));
}

TEST(KeyedCallTest, ReadsTheKeyStrictly) {
  const policy::Principal app{PrincipalKind::kClient, "app"};
  EXPECT_FALSE(keyed_call(app, request("", {})));
  EXPECT_EQ(keyed_call(app, request("", {{"idempotency-key", std::string(128, 'a')}}))->key,
            std::string(128, 'a'));
  for (const Fields& bad :
       {Fields{{"idempotency-key", ""}}, Fields{{"idempotency-key", "a b"}},
        Fields{{"idempotency-key", "\xc3\xa4"}}, Fields{{"idempotency-key", std::string(129, 'a')}},
        Fields{{"idempotency-key", "a"}, {"idempotency-key", "a"}}})
    EXPECT_THAT([&] { keyed_call(app, request("", bad)); }, ThrowsErrc(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace poolkey::service
