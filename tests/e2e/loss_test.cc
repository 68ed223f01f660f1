// A key that is lost is found and delivered again; a member that does not answer is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LossTest : public testing::Test {
 protected:
  void lose(const std::string& member) const {
    ASSERT_TRUE(succeeded(d.pkcs11_tool(member, "--delete-object --type privkey --label av@1")));
  }
  /// How many deliveries `reconcile` queued.
  std::size_t queued(const Words& more = {}) const {
    Words verb{"pool", "reconcile", "edge"};
    verb.insert(verb.end(), more.begin(), more.end());
    return json::as_array(d.json_on("origin", verb), "queued", "reconcile").size();
  }
  Deployment d = Deployment::at(Stage::kProven);
};

TEST_F(LossTest, IsFoundAndRepairedWithoutACeremony) {
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  lose("edge2");
  EXPECT_EQ(d.on("edge2", {"member", "status"}).status, 20);
  d.prove_all();
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_EQ(d.replica("edge1"), "present");
  EXPECT_EQ(d.replica("edge2"), "absent");
  EXPECT_EQ(d.on("origin", {"status", "--check"}).status, 20);
  EXPECT_TRUE(refused(d.on("origin", {"pool", "attest", "edge"}), 6, {"edge2", "absent"}));

  EXPECT_EQ(queued({"--dry-run"}), 1U);
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge2", "envelope.av@1.cms")));
  EXPECT_EQ(queued(), 1U);
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge1", "envelope.av@1.cms")));
  EXPECT_THAT(d.must("edge2", {"member", "receive"}), HasSubstr("av@1: accepted"));
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_THAT(d.objects("edge2", "privkey"), SizeIs(3));
  EXPECT_EQ(d.count("origin", "release"), 1);
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(LossTest, AMemberThatDoesNotAnswerIsUnknownAndNothingIsDone) {
  const auto tokens = d.home("edge2") / "tokens", away = d.home("edge2") / "away";
  const std::string before = d.objects("edge2", "privkey").front();
  std::filesystem::rename(tokens, away);
  d.must("origin", {"pool", "challenge", "edge"});
  d.must("edge1", {"member", "prove"});
  const Outcome unreachable = d.on("edge2", {"member", "prove"});
  EXPECT_THAT(unreachable.status, testing::AnyOf(4, 8)) << unreachable.text();
  EXPECT_THAT(unreachable.err, HasSubstr(tokens.string()));
  d.must("origin", {"pool", "collect", "edge"});  // the last answer of edge2 still lies there
  EXPECT_EQ(d.replica("edge1"), "present");
  EXPECT_EQ(d.replica("edge2"), "unknown");
  EXPECT_EQ(d.on("origin", {"status", "--check"}).status, 20);
  EXPECT_EQ(queued(), 0U);
  EXPECT_THAT(d.must("origin", {"pool", "reconcile", "edge"}), HasSubstr("Left 'edge2' alone"));
  EXPECT_FALSE(std::filesystem::exists(d.mail("edge2", "envelope.av@1.cms")));
  EXPECT_FALSE(std::filesystem::exists(tokens)) << "nothing is made in the place of what is away";

  std::filesystem::rename(away, tokens);
  d.must("edge2", {"member", "prove"});
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_EQ(d.replica("edge2"), "present");
  EXPECT_EQ(d.objects("edge2", "privkey").front(), before);
}

TEST_F(LossTest, AReceiptOfAnEarlierChallengeProvesNothing) {
  const auto receipt = d.path("mailbox/to-origin/receipt.edge.edge2.json");
  const std::string old = read_file(receipt);
  lose("edge2");
  d.must("origin", {"pool", "challenge", "edge"});
  write_file(receipt, old);
  EXPECT_EQ(d.on("origin", {"pool", "collect", "edge"}).status, 0);
  EXPECT_EQ(d.replica("edge2"), "unknown");
}

TEST_F(LossTest, AStrayPrivateKeyIsReportedAsDrift) {
  const auto file = d.path("out/stray.der").string();
  ASSERT_TRUE(
      succeeded(shell("openssl genrsa -traditional 2048 | openssl rsa -outform DER -out " + file)));
  ASSERT_TRUE(succeeded(
      d.pkcs11_tool("edge2", "--write-object " + file + " --type privkey --label stray --id 99")));
  d.must("origin", {"pool", "challenge", "edge"});
  d.must("edge1", {"member", "prove"});
  EXPECT_THAT(d.must("edge2", {"member", "prove"}), HasSubstr("stray"));
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_THAT(d.must("origin", {"status"}), HasSubstr("drift: 1 stray"));
}

}  // namespace
}  // namespace poolkey::test
