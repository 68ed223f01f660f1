// What the settings of openssl.cnf bring about that no other file of this folder shows.
#include <cstdlib>

#include "base/file.h"
#include "fixture.h"
#include "foreign.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

class SettingsTest : public ForeignTest {
 protected:
  test::Plugin with(const std::string& more) const {
    return test::Plugin(prepared.folder(), prepared.section(test::kFaultyModule) + more);
  }
};

TEST_F(SettingsTest, SessionsAreAsManyAsWereAllowed) {
  const test::Plugin sparing = with("poolkey-sessions = 2\n");
  const auto key = sparing.load("pkcs11:token=test;object=uncopied;type=private");
  set_faults("C_Sign 1+ delay 1");
  Crowd crowd;
  start(crowd, key, 8);
  wait_until([&] { return crowd.signatures > 100; }, milliseconds(5000));
  crowd.join();
  EXPECT_GT(crowd.signatures, 100);
  EXPECT_EQ(crowd.failures + crowd.wrong, 0);
  EXPECT_LE(calls_of("C_OpenSession"), 2U);
}

TEST_F(SettingsTest, VariablesOfTheModuleAreThoseOfTheStart) {
  const std::string report = (prepared.folder() / "report").string();
  ::setenv("FAULTY_MODULE_REPORT", report.c_str(), 1);
  const test::Plugin careful = with("poolkey-environment = FAULTY_MODULE_REPORT, NOT_SET\n");
  ::unsetenv("FAULTY_MODULE_REPORT");  // as nginx does before its workers start
  const auto key = careful.load("pkcs11:token=test;object=uncopied;type=private");
  set_faults("C_Sign 1 delay 1");
  EXPECT_TRUE(signs(key));
  EXPECT_THAT(read_file(report), HasSubstr("C_Sign"));
}

class TokenSettingsTest : public testing::Test, public CommandFixture {
 protected:
  /// What openssl says of a key that no URI tells the token of.
  std::string asked() const {
    return run("openssl req -new -key 'pkcs11:object=k;type=private' -subj /CN=x -out r.csr").text;
  }
};

TEST_F(TokenSettingsTest, ASerialTellsTheToken) {
  make_key("EC-P-256", "k");
  const std::string other = soft.add("other");
  EXPECT_THAT(asked(), HasSubstr("matches several tokens"));
  configure("poolkey-serial = " + soft.serial() + "\n");
  EXPECT_EQ(asked(), "");
  configure("poolkey-serial = " + other + "\n");
  EXPECT_THAT(asked(), HasSubstr("in token with serial " + other));
  configure("poolkey-token = test\npoolkey-serial = " + other + "\n");
  EXPECT_NE(asked(), "");
  configure("poolkey-token = other, test\npoolkey-serial = " + other + ", " + soft.serial() + "\n");
  EXPECT_EQ(asked(), "");
}

}  // namespace
}  // namespace poolkey::provider
