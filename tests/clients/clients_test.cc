// Every program of the table "Which client needs what", with a key that never leaves its token:
// what verifies was signed there, as no other private key exists.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "clients/client.h"
#include "clients/table.h"

namespace poolkey::clients {
namespace {

using testing::HasSubstr;

class ClientTest : public testing::TestWithParam<Case> {};
std::string case_name(const testing::TestParamInfo<Case>& tested) { return tested.param.name(); }
INSTANTIATE_TEST_SUITE_P(All, ClientTest, testing::ValuesIn(all_cases()), case_name);

TEST_P(ClientTest, UsesTheKey) {
  const Client& client = *GetParam().client;
  const Site site(GetParam().kind, GetParam().form, GetParam().module, client.settings);
  try {
    client.show(site);
  } catch (const std::exception& error) {
    FAIL() << error.what();
  }
}

TEST(ClientTableTest, ReasonsHoldForKeysInSoftwareToo) {
  for (const Client& client : all_clients())
    for (const auto& [kind, reason] : client.not_with) {
      if (reason.proof.empty()) continue;
      const Site site(kind, Form::kUri, Module::kSoftHsm);
      EXPECT_NO_THROW(site.must("make_software_key"));
      EXPECT_THROW(site.must("make_software_key\n" + reason.proof), std::exception)
          << client.name << ": " << reason.text;
    }
}

TEST(ClientTableTest, StandsInTheReadme) {
  EXPECT_THAT(read_file(POOLKEY_SOURCE_DIR "/README.md"),
              HasSubstr("\n## Which client needs what\n"));
  EXPECT_THAT(read_file(POOLKEY_SOURCE_DIR "/README.md"),
              HasSubstr(table([](const std::string&) { return true; })))
      << "build/ci/tests/clients/test_clients --table prints it";
}

}  // namespace
}  // namespace poolkey::clients
