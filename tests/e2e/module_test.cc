// The verbs on a module that hangs, and with PINs that are about to lock.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";
constexpr int kTimeout = 9;
constexpr int kAuthFailed = 10;

class ModuleTest : public testing::Test {
 protected:
  ModuleTest() {
    for (const std::string& side : d.sides()) {
      const auto file = d.home(side) / "poolkey.toml";
      write_file(
          file,
          replaced(read_file(file), kSoftHsm, POOLKEY_FAULTY_MODULE) + "call_timeout_seconds = 2\n",
          0600);
    }
  }
  Outcome on(const std::string& side, const Words& verb, const std::string& script) const {
    return d.on(side, verb,
                [&](Command& command) { command.environment["FAULTY_MODULE_SCRIPT"] = script; });
  }
  Deployment d = Deployment::at(Stage::kEnrolled);
};

TEST_F(ModuleTest, ACallThatHangsEndsTheVerbWithItsNameAndTheNextRunDoesIt) {
  const Outcome hung = on("origin", d.generate(), "C_CopyObject 2 hang");
  EXPECT_TRUE(refused(hung, kTimeout,
                      {POOLKEY_FAULTY_MODULE, "has not answered C_CopyObject within 2 s",
                       "whether it was done is not known", "run the verb again"}));
  // What was begun has no outcome in the record, because nobody knows it.
  const std::string open =
      "audit_entry i WHERE i.phase = 'intent' AND NOT EXISTS"
      " (SELECT 1 FROM audit_entry o WHERE o.intent = i.seq)";
  EXPECT_EQ(d.count("origin", open), 1);
  d.must("origin", d.generate());
  EXPECT_EQ(d.count("origin", "key_version WHERE key_name = 'av'"), 1);
  EXPECT_THAT(d.unfinished("origin"), IsEmpty());
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(ModuleTest, ACallThatHangsUnderTheProcessesLockLeavesItToTheNext) {
  EXPECT_TRUE(refused(on("origin", d.generate(), "C_Login 1 hang"), kTimeout, {"C_Login"}));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(succeeded(on("origin", {"audit", "checkpoint"}, "")));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST_F(ModuleTest, AVerbThatIsDoneSaysSoBeforeItsClosingHangs) {
  Words verb = d.generate();
  verb.insert(verb.begin(), {"--format", "json"});
  for (const char* call : {"C_CloseSession", "C_Finalize"}) {
    const Outcome outcome = on("origin", verb, std::string(call) + " 1 hang");
    EXPECT_TRUE(succeeded(outcome)) << call;
    EXPECT_THAT(outcome.out, HasSubstr("\"key\": \"av@")) << call;
    EXPECT_THAT(outcome.err, HasSubstr(call));
  }
}

TEST_F(ModuleTest, AHangIsToldToProgramsAsJson) {
  const Outcome hung = on("origin", {"--format", "json", "audit", "checkpoint"}, "C_Sign 1 hang");
  EXPECT_EQ(hung.status, kTimeout);
  EXPECT_THAT(hung.out, HasSubstr("\"code\": \"timeout\""));
}

TEST_F(ModuleTest, APinThatTheNextErrorLocksIsNotTried) {
  for (const char* flag : {"CKF_USER_PIN_FINAL_TRY", "CKF_USER_PIN_LOCKED"}) {
    const Outcome outcome = on("origin", {"--log-level", "debug", "audit", "checkpoint"},
                               std::string("C_GetTokenInfo 1+ flags ") + flag);
    EXPECT_TRUE(refused(outcome, kAuthFailed)) << flag;
    EXPECT_THAT(outcome.err, Not(HasSubstr("C_Login"))) << flag;
  }
}

TEST_F(ModuleTest, EachCallIsALineOfTheDebugLogWithoutWhatItCarries) {
  const Outcome outcome = on("origin", {"--log-level", "debug", "audit", "checkpoint"}, "");
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.err, testing::ContainsRegex("debug hsm: C_Login CKR_OK [0-9]+ us"));
  EXPECT_THAT(outcome.err, Not(HasSubstr(d.pin("origin"))));
}

TEST_F(ModuleTest, ATimeoutOfNothingIsAFaultOfTheConfiguration) {
  const auto file = d.home("origin") / "poolkey.toml";
  write_file(file,
             replaced(read_file(file), "call_timeout_seconds = 2", "call_timeout_seconds = 0"),
             0600);
  EXPECT_TRUE(refused(on("origin", {"audit", "checkpoint"}, ""), 2, {"call_timeout_seconds"}));
}

}  // namespace
}  // namespace poolkey::test
