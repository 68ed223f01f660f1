#include "audit/chain.h"

#include <array>
#include <cstdio>

#include "base/file.h"
#include "base/json.h"
#include "tests/audit/log.h"
#include "tests/support/matchers.h"

namespace poolkey::audit {
namespace {

using test::Log;
using test::ThrowsErrc;

std::string output_of(const std::string& command) {
  std::string out;
  std::array<char, 256> buffer{};
  FILE* pipe = ::popen(command.c_str(), "r");
  while (pipe != nullptr && std::fgets(buffer.data(), buffer.size(), pipe) != nullptr)
    out += buffer.data();
  EXPECT_EQ(::pclose(pipe), 0);
  return out;
}

TEST(ChainTest, WritesTheFormatItPromises) {
  Log log;
  Event event;
  event.actor = "uid:1000";
  event.verb = "key release";
  event.subject = "edge/av@1";
  event.rule = "policies/av-auth.toml:12";
  event.operation = "0123456789abcdef";
  event.detail["members"] = 3;
  const Head head = log.chain.append(event);
  EXPECT_EQ(head.seq, 1);
  EXPECT_EQ(log.lines().at(0),
            R"({"entry":{"seq":1,"prev":")" + std::string(kNoHash) +
                R"(","time":"2026-11-22T08:00:00Z","actor":"uid:1000","verb":"key release",)"
                R"("phase":"intent","subject":"edge/av@1","rule":"policies/av-auth.toml:12",)"
                R"("result":"","operation":"0123456789abcdef","intent":0,)"
                R"("detail":{"members":3}},"hash":")" +
                head.hash + R"("})");
}

TEST(ChainTest, IsCheckedWithSha256sumAlone) {
  Log log;
  log.add("one");
  const Head head = log.add("two");
  write_file(log.folder / "audit.jsonl", log.chain.export_jsonl());
  EXPECT_EQ(output_of(R"(sed -n '2s/^{"entry":\(.*\),"hash":"[0-9a-f]*"}$/\1/p' )" +
                      (log.folder / "audit.jsonl").string() + " | tr -d '\\n' | sha256sum"),
            head.hash + "  -\n");
  EXPECT_THAT(log.lines().at(1), testing::HasSubstr(head.hash));
}

TEST(ChainTest, ChainsEachEntryToTheOneBefore) {
  Log log;
  EXPECT_EQ(log.chain.head(), Head{});
  const Head first = log.add("one");
  const Head second = log.add("two");
  EXPECT_EQ(log.chain.head(), second);
  EXPECT_THAT(log.lines().at(1), testing::HasSubstr("\"prev\":\"" + first.hash + "\""));
}

TEST(ChainTest, TakesAppendsOfTwoProcesses) {
  Log log;
  constexpr int kEach = 100;
  const auto append = [&] {
    store::Database database = store::Database::open(log.folder / "state.db");
    Chain chain(database, log.clock);
    Event event;
    event.verb = "verb";
    for (int i = 0; i < kEach; ++i) chain.append(event);
  };
  const pid_t one = test::start_child(append);
  const pid_t two = test::start_child(append);
  EXPECT_EQ(test::end_of(one), 0);
  EXPECT_EQ(test::end_of(two), 0);
  const VerifyReport report = test::verify(log.lines());
  EXPECT_EQ(report.entries, 2 * kEach);
  EXPECT_FALSE(report.problem);
}

TEST(ChainTest, RepairsTextThatIsNotUtf8) {
  Log log;
  for (const std::string bad : {"\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    Event event;
    event.subject = "<" + bad + ">";
    event.detail["error"] = event.subject;
    event.detail["list"] = json::array{json::value(event.subject)};
    EXPECT_NO_THROW(log.chain.append(event));
  }
  Event good;
  good.subject = "ü € 𝄞 \n \"";
  log.chain.append(good);
  EXPECT_EQ(log.chain.open_intents().back().event.subject, good.subject);
  EXPECT_FALSE(test::verify(log.lines()).problem);
}

TEST(ChainTest, RefusesADetailThatCouldNotBeReadAgain) {
  Log log;
  Event event;
  event.detail["share"] = 0.5;
  EXPECT_THAT([&] { log.chain.append(event); }, ThrowsErrc(Errc::kInternal));
  EXPECT_EQ(log.chain.head().seq, 0);
}

TEST(ChainTest, AppendsNothingToADamagedEntry) {
  Log log;
  log.add("one");
  log.database.run("UPDATE audit_entry SET entry = REPLACE(entry, 'one', 'two')");
  EXPECT_THAT([&] { log.add("two"); }, ThrowsErrc(Errc::kCorrupt, "audit verify"));
}

TEST(ChainTest, SignsItsHead) {
  Log log;
  EXPECT_THAT([&] { log.checkpoint(); }, ThrowsErrc(Errc::kInvalidArgument, "empty"));
  const Head head = log.add("one");
  const Checkpoint made = log.chain.checkpoint(test::sign, test::kSigner, "uid:1000");
  EXPECT_EQ(made.head, head);
  EXPECT_EQ(made.signer, test::kSigner);
  EXPECT_TRUE(test::check_signature(view("poolkey audit checkpoint v1\n1\n" + head.hash + "\n"),
                                    made.signature, made.signer));
  EXPECT_EQ(log.chain.head().seq, 2);
}

TEST(ChainTest, LetsTheSignerWriteToTheLog) {
  Log log;
  log.add("one");
  log.chain.checkpoint(
      [&](ByteView message) {
        log.add("sign");
        return test::sign(message);
      },
      test::kSigner, "uid:1000");
  const VerifyReport report = test::verify(log.lines());
  EXPECT_FALSE(report.problem);
  EXPECT_EQ(report.last_checkpoint_seq, 1);
  EXPECT_EQ(report.unsigned_tail, 1);
}

TEST(ChainTest, WritesNoCheckpointIfTheSignerFails) {
  Log log;
  log.add("one");
  EXPECT_THAT(
      [&] {
        log.chain.checkpoint([](ByteView) -> Bytes { throw Error(Errc::kUnavailable, "no token"); },
                             "", "");
      },
      ThrowsErrc(Errc::kUnavailable));
  EXPECT_EQ(log.chain.head().seq, 1);
}

}  // namespace
}  // namespace poolkey::audit
