#include "audit/verify.h"

#include <regex>

#include "tests/audit/log.h"
#include "tests/support/matchers.h"

namespace poolkey::audit {
namespace {

using Kind = Problem::Kind;
using testing::HasSubstr;

/// What a forger can do without the signing key: rewrite an entry and all that follows it.
std::string rewrite(const std::string& line, const std::string& prev, const std::string& from,
                    const std::string& to) {
  std::string entry = line.substr(9, line.size() - 9 - 75);
  entry =
      std::regex_replace(entry, std::regex("\"prev\":\"[0-9a-f]*\""), "\"prev\":\"" + prev + "\"");
  if (const auto at = entry.find(from); !from.empty() && at != entry.npos)
    entry.replace(at, from.size(), to);
  return R"({"entry":)" + entry + R"(,"hash":")" + hex(crypto::sha256(view(entry))) + "\"}";
}

std::string hash_in(const std::string& line) { return line.substr(line.size() - 66, 64); }

/// Ten entries, of which the fifth and the tenth are checkpoints, and two more.
class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    for (int i = 1; i <= 12; ++i) {
      if (i % 5 == 0)
        log_.checkpoint();
      else
        log_.add("verb" + std::to_string(i));
    }
    head_ = log_.chain.head();
    lines_ = log_.lines();
  }
  std::string& line(std::size_t seq) { return lines_.at(seq - 1); }
  void drop(std::size_t seq) {
    lines_.erase(lines_.begin() + static_cast<std::ptrdiff_t>(seq - 1));
  }
  void edit(std::size_t seq, const std::string& from, const std::string& to) {
    const auto at = line(seq).find(from);
    ASSERT_NE(at, std::string::npos);
    line(seq).replace(at, from.size(), to);
  }
  /// Chains everything from `seq` on anew.
  void rechain(std::size_t seq, const std::string& from = "", const std::string& to = "") {
    for (std::size_t i = seq; i <= lines_.size(); ++i)
      line(i) = rewrite(line(i), i == 1 ? std::string(kNoHash) : hash_in(line(i - 1)),
                        i == seq ? from : "", to);
  }
  void expect(std::int64_t seq, Kind kind, const std::optional<Head>& head = std::nullopt) {
    const VerifyReport report =
        test::verify(lines_, head ? std::vector{*head} : std::vector<Head>{});
    ASSERT_TRUE(report.problem);
    EXPECT_EQ(report.problem->seq, seq) << report.problem->sentence;
    EXPECT_EQ(report.problem->kind, kind) << report.problem->sentence;
    EXPECT_THAT(report.problem->sentence, HasSubstr(std::to_string(seq)));
    EXPECT_LT(report.entries, seq);
  }

  test::Log log_;
  Head head_;
  std::vector<std::string> lines_;
};

TEST_F(VerifyTest, AcceptsAWholeLog) {
  const VerifyReport report = test::verify(lines_, {head_});
  EXPECT_FALSE(report.problem) << report.problem->sentence;
  EXPECT_EQ(report.entries, 12);
  EXPECT_EQ(report.checkpoints, 2);
  EXPECT_EQ(report.last_checkpoint_seq, 9);
  EXPECT_EQ(report.unsigned_tail, 2);
  EXPECT_EQ(report.head, head_);
}

TEST_F(VerifyTest, AcceptsAnEmptyLog) {
  lines_.clear();
  EXPECT_FALSE(test::verify(lines_).problem);
  expect(1, Kind::kMissing, head_);
}

TEST_F(VerifyTest, AcceptsAnEarlierHead) {
  EXPECT_FALSE(test::verify(lines_, {Head{7, hash_in(line(7))}}).problem);
  EXPECT_FALSE(test::verify(lines_, {Head{}}).problem);
}

TEST_F(VerifyTest, NamesEachEditedEntry) {
  for (std::size_t seq = 1; seq <= 12; ++seq) {
    const std::string before = line(seq);
    edit(seq, "uid:1000", "uid:1001");
    expect(static_cast<std::int64_t>(seq), Kind::kEdited);
    line(seq) = before;
  }
}

TEST_F(VerifyTest, NamesAnEntryWhoseNumberWasEdited) {
  edit(3, "\"seq\":3,", "\"seq\":8,");
  expect(3, Kind::kEdited);
}

TEST_F(VerifyTest, NamesAnEntryWhoseHashWasEdited) {
  line(3).replace(line(3).size() - 10, 2, "zz");
  expect(3, Kind::kEdited);
}

TEST_F(VerifyTest, NamesAnEntryGivenANewHash) {
  for (const std::size_t seq : {1U, 3U, 11U}) {
    const std::string before = line(seq);
    line(seq) = rewrite(line(seq), seq == 1 ? std::string(kNoHash) : hash_in(line(seq - 1)),
                        "uid:1000", "uid:1001");
    expect(static_cast<std::int64_t>(seq), Kind::kEdited);
    line(seq) = before;
  }
}

TEST_F(VerifyTest, NamesAnEntryUnchainedFromTheOneBefore) {
  line(7) = rewrite(line(7), std::string(64, 'a'), "", "");
  expect(7, Kind::kEdited);
}

TEST_F(VerifyTest, FindsALogChainedAnewByItsCheckpoint) {
  rechain(7, "uid:1000", "uid:1001");
  // The checkpoint at 5 vouches up to 4; that at 10 signs 9, so 5 to 9 are in doubt.
  expect(5, Kind::kEdited);
  EXPECT_THAT(test::verify(lines_).problem->sentence, HasSubstr("entries 5 to 9"));
}

TEST_F(VerifyTest, FindsATailChainedAnewOnlyByAHeadFromElsewhere) {
  rechain(11, "uid:1000", "uid:1001");
  EXPECT_FALSE(test::verify(lines_).problem);
  expect(10, Kind::kEdited, head_);
}

TEST_F(VerifyTest, NamesEachDroppedEntry) {
  for (std::size_t seq = 2; seq <= 11; ++seq) {
    const std::vector<std::string> before = lines_;
    drop(seq);
    expect(static_cast<std::int64_t>(seq), Kind::kDropped);
    lines_ = before;
  }
}

TEST_F(VerifyTest, NamesARangeOfDroppedEntries) {
  drop(4);
  drop(4);
  expect(4, Kind::kDropped);
  EXPECT_THAT(test::verify(lines_).problem->sentence, HasSubstr("entries 4 to 5"));
}

TEST_F(VerifyTest, FindsEntriesDroppedAndTheRestNumberedAnew) {
  drop(2);
  for (std::size_t i = 2; i <= lines_.size(); ++i)
    edit(i, "\"seq\":" + std::to_string(i + 1) + ",\"prev",
         "\"seq\":" + std::to_string(i) + ",\"prev");
  rechain(2);
  // The checkpoint that now is entry 4 signs entry 4.
  expect(1, Kind::kDropped);
}

TEST_F(VerifyTest, NamesAMissingStart) {
  drop(1);
  expect(1, Kind::kMissing);
  drop(1);
  expect(1, Kind::kMissing);
}

TEST_F(VerifyTest, FindsACutEndOnlyByAHeadFromElsewhere) {
  drop(12);
  EXPECT_FALSE(test::verify(lines_).problem);
  expect(12, Kind::kMissing, head_);
  while (lines_.size() > 7) drop(8);
  EXPECT_FALSE(test::verify(lines_).problem);
  expect(8, Kind::kMissing, head_);
}

TEST_F(VerifyTest, NamesReorderedEntries) {
  std::swap(line(3), line(4));
  expect(3, Kind::kReordered);
  std::swap(line(3), line(4));
  std::swap(line(2), line(12));
  expect(2, Kind::kReordered);
}

TEST_F(VerifyTest, NamesAnEntryMovedToTheEnd) {
  const std::string moved = line(4);
  drop(4);
  lines_.push_back(moved);
  expect(4, Kind::kReordered);
}

TEST_F(VerifyTest, NamesAnEntryThatStandsTwice) {
  lines_.insert(lines_.begin() + 6, line(3));
  expect(7, Kind::kReordered);
}

TEST_F(VerifyTest, NamesAnEntryThatWasNeverWritten) {
  lines_.insert(lines_.begin() + 6, rewrite(line(3), hash_in(line(6)), "uid:1000", "uid:1001"));
  expect(7, Kind::kEdited);
}

TEST_F(VerifyTest, NamesTheFirstOfSeveralFaults) {
  drop(9);
  edit(7, "uid:1000", "uid:1001");
  std::swap(line(3), line(4));
  expect(3, Kind::kReordered);
}

TEST_F(VerifyTest, RefusesACheckpointThatNobodySigned) {
  const std::string signature = base64(test::sign(view(checkpoint_message({9, hash_in(line(9))}))));
  rechain(10, signature, base64(Bytes(32, 1)));
  expect(10, Kind::kBadSignature);
}

TEST_F(VerifyTest, RefusesACheckpointOfAnotherKey) {
  rechain(10, "\"signer\":\"5a5a\"", "\"signer\":\"6b6b\"");
  expect(10, Kind::kBadSignature);
}

TEST_F(VerifyTest, RefusesACheckpointWithoutItsFields) {
  rechain(10, "\"signer\":", "\"other\":");
  expect(10, Kind::kMalformed);
}

TEST_F(VerifyTest, NamesALineThatIsNoEntry) {
  for (const std::string bad :
       {"", "{}", "{\"entry\":{},\"hash\":\"\"}", "nonsense", "{\"entry\":[1,2],\"hash\":\"x\"}"}) {
    line(6) = bad;
    expect(6, Kind::kMalformed);
  }
  line(6) = R"({"entry":{"seq":6},"hash":")" + hex(crypto::sha256(view("{\"seq\":6}"))) + "\"}";
  expect(6, Kind::kMalformed);
}

TEST_F(VerifyTest, NamesALineCutShort) {
  line(12).resize(line(12).size() / 2);
  expect(12, Kind::kMalformed);
}

TEST_F(VerifyTest, RefusesAMemberThatStandsTwice) {
  rechain(12, "\"rule\":\"\"", "\"rule\":\"\",\"rule\":\"\"");
  expect(12, Kind::kMalformed);
}

}  // namespace
}  // namespace poolkey::audit
