// Several versions in one ceremony, and a policy that is edited between them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;

class VersionsTest : public testing::Test {
 protected:
  std::map<std::string, json::object> keys() const {
    std::map<std::string, json::object> out;
    const json::object listed = d.json_on("origin", {"key", "list"});
    for (const json::value& key : json::as_array(listed, "keys", "key list"))
      out[json::text(key.as_object(), "key", "key list")] = key.as_object();
    return out;
  }
  std::string policy_copy(const std::string& from, const std::string& to) const {
    const auto file = d.path("av-auth.toml");
    const std::string before = std::filesystem::exists(file)
                                   ? read_file(file)
                                   : read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml");
    write_file(file, replaced(before, from, to));
    return file.string();
  }
  Deployment d = Deployment::at(Stage::kEnrolled);
};

TEST_F(VersionsTest, OneCeremonyReleasesSeveral) {
  for (int i = 0; i < 3; ++i) d.must("origin", d.generate());
  const Words both{"key", "release", "av@1", "av@3", "--pool", "edge"};
  d.must("origin", both);
  EXPECT_EQ(d.count("origin", "release"), 1);
  EXPECT_EQ(d.count("origin", "envelope"), 4);
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_EQ(d.replica("edge1", "av@1"), "present");
  EXPECT_EQ(d.replica("edge2", "av@3"), "present");
  EXPECT_EQ(d.replica("edge1", "av@2"), "not listed") << "it was not released";
  EXPECT_EQ(json::text(keys().at("av@2"), "state", "key"), "generated");
  // Only a rollover puts another version in force.
  EXPECT_FALSE(json::boolean(keys().at("av@3"), "in_force", "key"));
  EXPECT_TRUE(json::boolean(keys().at("av@1"), "in_force", "key"));
  for (const std::string& m : d.members()) EXPECT_EQ(d.objects(m, "privkey").size(), 4U);
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(VersionsTest, AnEditedPolicyAppliesToNewVersionsOnly) {
  const std::string strict = policy_copy("recipients = [\"*\"]", "recipients = [\"*\"] ");
  d.must("origin", d.generate("av", strict));
  const std::string first = json::text(keys().at("av@1"), "policy_sha256", "key");

  // From now on: token-object, which reads CKA_COPYABLE=FALSE on the replica.
  policy_copy("signing = \"session-copy\"", "signing = \"token-object\"");
  d.must("origin", d.generate("av", strict));
  d.must("origin", {"key", "release", "av@1", "av@2", "--pool", "edge"});
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge", "--out", d.path("out/attestation.cms")});
  EXPECT_EQ(json::text(keys().at("av@1"), "policy_sha256", "key"), first);
  EXPECT_NE(json::text(keys().at("av@2"), "policy_sha256", "key"), first);

  // The receipts read back what each version's own policy asks for.
  const Outcome statements =
      shell("openssl cms -verify -inform DER -in '" + d.path("out/attestation.cms").string() +
            "' -CAfile '" + d.path("out/root.pem").string() +
            "' 2>/dev/null | sed -n 's/^      \"statement\": \"\\(.*\\)\",/\\1/p' |"
            " while read -r s; do printf %s \"$s\" | openssl base64 -d -A; echo; done");
  ASSERT_TRUE(succeeded(statements));
  std::istringstream lines(statements.out);
  int seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const bool old = line.find("\"key\":\"av@1\"") != std::string::npos;
    EXPECT_THAT(line, HasSubstr(old ? "\"CKA_COPYABLE\":true" : "\"CKA_COPYABLE\":false"));
  }
  EXPECT_EQ(seen, 4);
}

}  // namespace
}  // namespace poolkey::test
