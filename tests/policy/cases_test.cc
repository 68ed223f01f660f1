// The shipped policies: each is valid, and each of its cases comes out as written.
#include "cases.h"

#include <set>

#include "policy/attributes.h"
#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

namespace fs = std::filesystem;
using poolkey::test::ThrowsErrc;

const fs::path kFolder = fs::path(POOLKEY_SOURCE_DIR) / "policies";

/// The names of the keys' policies that lie in the folder: a new file is tested without being
/// listed.
std::vector<std::string> shipped() {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(kFolder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".toml" && path.stem().extension() != ".cases" &&
        path.stem() != "access")
      names.insert(path.stem().string());
  }
  return {names.begin(), names.end()};
}

Policy read_policy(const std::string& name) {
  return parse_policy(read_text(kFolder / (name + ".toml")), "policies/" + name + ".toml");
}

class ShippedPolicyTest : public testing::TestWithParam<std::string> {};

TEST_P(ShippedPolicyTest, IsValidAndNamedLikeItsFile) {
  EXPECT_EQ(read_policy(GetParam()).name(), GetParam());
}

TEST_P(ShippedPolicyTest, DecidesItsCasesAsWritten) {
  const Policy policy = read_policy(GetParam());
  const std::string file = GetParam() + ".cases.toml";
  int permits = 0;
  int denials = 0;
  for (const Case& c : read_cases(read_text(kFolder / file), "policies/" + file)) {
    const auto failure = mismatch(policy, c);
    EXPECT_FALSE(failure) << *failure;
    ++(c.permit ? permits : denials);
  }
  EXPECT_GT(permits, 0) << file << " shows nothing that is allowed";
  EXPECT_GT(denials, 0) << file << " shows nothing that is forbidden";
}

INSTANTIATE_TEST_SUITE_P(Shipped, ShippedPolicyTest, testing::ValuesIn(shipped()),
                         [](const auto& policy_file) {
                           std::string name = policy_file.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(ShippedPoliciesTest, AreThoseThatTheReadmeLists) {
  const std::string readme = read_text(kFolder / "README.md");
  for (const std::string& name : shipped())
    EXPECT_THAT(readme, testing::HasSubstr("`" + name + ".toml`"));
  EXPECT_THAT(shipped(), testing::IsSupersetOf(
                             {"av-auth", "edge-internal", "issuing-ca", "oauth", "reverse-proxy"}));
}

/// No word, section or rule of the format goes undocumented.
TEST(ShippedPoliciesTest, ReadmeKnowsEveryWordOfTheFormat) {
  const std::string readme = read_text(kFolder / "README.md");
  const auto expect = [&](const std::vector<std::string>& words) {
    for (const std::string& w : words) EXPECT_THAT(readme, testing::HasSubstr("`" + w + "`"));
  };
  expect(all_words<Algorithm>());
  expect(all_words<Curve>());
  expect(all_words<Usage>());
  expect(all_words<Signing>());
  expect(all_words<ExportMode>());
  expect(all_words<Suite>());
  expect(all_words<Role>());
  expect(all_words<LintProfile>());
  expect(all_words<KeyUsage>());
  expect(all_words<ExtendedKeyUsage>());
  expect(all_words<OrganizationalUnit>());
  expect(all_words<Hash>());
  expect(all_words<CaKind>());
  expect(all_words<WrapWithTrusted>());
  expect(all_words<Action>());
}

TEST(ShippedPoliciesTest, IssuingCaIsNeverExportable) {
  const Policy policy = read_policy("issuing-ca");
  EXPECT_THAT(origin_private(policy), testing::Contains(NamedAttribute{"CKA_EXTRACTABLE", false}));
  EXPECT_THAT([&] { replica_private(policy); }, ThrowsErrc(Errc::kInternal));
}

// The runner must be able to fail, or the cases above show nothing.

constexpr char kGenerate[] = R"(
[[case]]
name = "generate"
action = "generate"
key = "av@1"
algorithm = "RSA-2048"
wrap_with_trusted = "enforced"
expect = "permit"
rule = "key.algorithm"
)";

std::optional<std::string> outcome(const std::string& text) {
  return mismatch(sample(), read_cases(text, "x.cases.toml").at(0));
}

TEST(CaseRunnerTest, AcceptsARightExpectation) { EXPECT_EQ(outcome(kGenerate), std::nullopt); }

TEST(CaseRunnerTest, ReportsAWrongOutcomeWithTheLineOfTheCase) {
  EXPECT_THAT(outcome(with(kGenerate, "\"permit\"", "\"deny\"")),
              testing::Optional(testing::HasSubstr("x.cases.toml:2:")));
  EXPECT_TRUE(outcome(with(kGenerate, "RSA-2048", "RSA-4096")));
}

TEST(CaseRunnerTest, ReportsAWrongRule) {
  EXPECT_THAT(outcome(with(kGenerate, "key.algorithm", "key.usages")),
              testing::Optional(testing::HasSubstr("permitted by policies/sample.toml:7:1")));
}

TEST(CaseRunnerTest, RefusesUnknownFactsAndWords) {
  EXPECT_THAT([] { read_cases(with(kGenerate, "algorithm =", "algorithn ="), "x"); },
              ThrowsErrc(Errc::kInvalidArgument, "did you mean 'algorithm'?"));
  EXPECT_THAT([] { read_cases(with(kGenerate, "\"permit\"", "\"allow\""), "x"); },
              ThrowsErrc(Errc::kInvalidArgument, "'permit', 'deny'"));
  EXPECT_THAT(
      [] { read_cases(with(kGenerate, "algorithm = \"RSA-2048\"", "usage = \"ssh\""), "x"); },
      ThrowsErrc(Errc::kInvalidArgument, "'ssh' is not a word"));
}

}  // namespace
}  // namespace poolkey::policy::test
