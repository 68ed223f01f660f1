// What a verb asks of a token does not grow with what else is in it. Calls are counted by OpenSC's
// pkcs11-spy between poolkey and SoftHSM.
#include <fstream>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

constexpr const char* kSpy = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr int kForeignPairs = 8;

struct Verb {
  const char* name;
  Stage stage;
  const char* side;
  Words words;
  friend void PrintTo(const Verb& verb, std::ostream* out) { *out << verb.name; }
};

void add_foreign_pairs(const Deployment& deployment, const std::string& side) {
  for (int i = 0; i < kForeignPairs; ++i)
    ASSERT_TRUE(succeeded(deployment.pkcs11_tool(
        side,
        "--keypairgen --key-type EC:prime256v1 --label foreign --id ff0" + std::to_string(i))));
}

/// How often the verb searched the token, and how often it read from an object.
std::pair<int, int> calls(const Deployment& deployment, const Verb& verb) {
  const auto config = deployment.home(verb.side) / "poolkey.toml";
  write_file(config, replaced(read_file(config), kModule, kSpy), 0600);
  const std::string log = deployment.path("spy.log").string();
  const Outcome outcome = deployment.on(verb.side, verb.words, [&](Command& command) {
    command.environment["PKCS11SPY"] = kModule;
    command.environment["PKCS11SPY_OUTPUT"] = log;
  });
  EXPECT_TRUE(succeeded(outcome)) << outcome.text();
  std::pair<int, int> out;
  std::ifstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    out.first += line.find(": C_FindObjectsInit") != std::string::npos;
    out.second += line.find(": C_GetAttributeValue") != std::string::npos;
  }
  return out;
}

class ScaleTest : public testing::TestWithParam<Verb> {};

TEST_P(ScaleTest, CallsDoNotGrowWithForeignKeysInTheToken) {
  const Deployment small = Deployment::at(GetParam().stage);
  const Deployment full = Deployment::at(GetParam().stage);
  add_foreign_pairs(full, GetParam().side);
  const auto few = calls(small, GetParam());
  EXPECT_GT(few.first, 0);
  EXPECT_EQ(calls(full, GetParam()), few);
}

INSTANTIATE_TEST_SUITE_P(
    , ScaleTest,
    testing::Values(
        Verb{"Receive", Stage::kReleased, "edge1", {"member", "receive"}},
        Verb{"MemberStatus", Stage::kDelivered, "edge1", {"member", "status"}},
        Verb{"Challenge", Stage::kDelivered, "origin", {"pool", "challenge", "edge"}},
        Verb{"Generate",
             Stage::kEnrolled,
             "origin",
             {"key", "generate", "more", "--pool", "edge", "--policy",
              POOLKEY_SOURCE_DIR "/policies/av-auth.toml"}},
        Verb{"Release", Stage::kGenerated, "origin", {"key", "release", "av@1", "--pool", "edge"}}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace poolkey::test
