// What changes under poolkey's hands: the topology, the policy within an interrupted run, the root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ChangeTest : public testing::Test {
 protected:
  void topology(const std::string& from, const std::string& to) const {
    const auto file = d.path("topology.toml");
    write_file(file, replaced(read_file(file), from, to));
    d.must("origin", {"pool", "define", file.string()});
  }
  Deployment d = Deployment::at(Stage::kEnrolled);
};

TEST_F(ChangeTest, AMemberThatLeftTheTopologyReceivesNothingMoreUntilItIsBack) {
  d.must("origin", d.generate());
  topology("\"edge1\", \"edge2\"", "\"edge1\", \"edge9\"");
  const Outcome refused = d.on("origin", d.release());
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("'edge9'"));
  topology("\"edge9\"", "\"edge2\"");
  EXPECT_THAT(d.must("origin", d.release()), Not(HasSubstr("edge9")));
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
}

TEST_F(ChangeTest, AnInterruptedGenerationIsNotFinishedUnderAnotherPolicy) {
  d.crash("origin", d.generate(), "key generate/generate:recorded");
  const auto file = d.path("av-auth.toml");
  write_file(file, read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml") + "# edited\n");
  EXPECT_EQ(d.on("origin", d.generate("av", file.string())).status, 6);
  d.must("origin", d.generate());
  EXPECT_THAT(d.must("origin", {"key", "list"}), Not(HasSubstr("av@2")));
}

TEST_F(ChangeTest, ARequestFollowsTheTopology) {
  d.must("origin", d.generate());
  d.must("origin", d.create_request());
  topology("webcon.contoso.com", "meetings.contoso.com");
  EXPECT_EQ(d.on("origin", d.issue()).status, 6);
  EXPECT_THAT(d.must("origin", d.create_request()), HasSubstr("meetings.contoso.com"));
  d.must("origin", d.issue());
}

TEST_F(ChangeTest, ASecondRootIsNotPinnedOverTheFirst) {
  const Deployment other = Deployment::at(Stage::kEnrolled, 3);  // an origin of its own
  std::filesystem::copy_file(other.mail("edge1", "confirmation.cms"),
                             d.mail("edge1", "confirmation.cms"),
                             std::filesystem::copy_options::overwrite_existing);
  const std::string root =
      json::text(other.json_on("origin", {"origin", "root"}), "root_sha256", "root");
  EXPECT_EQ(d.on("edge1", {"member", "confirm", "--root-fingerprint", root}).status, 5);
  d.must("origin", d.generate());
  d.must("origin", d.release());
  d.must("edge1", {"member", "receive"});
}

}  // namespace
}  // namespace poolkey::test
