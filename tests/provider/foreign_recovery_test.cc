// What a foreign program notices when its HSM fails, restarts, hangs or loses keys: nothing, or one
// clear error.
#include <filesystem>

#include "base/file.h"
#include "foreign.h"
#include "two_tokens.h"

namespace poolkey::provider {
namespace {

using testing::Values;

class ForeignRecoveryTest : public ForeignTest {};

TEST_F(ForeignRecoveryTest, ARestartOfTheHsmCostsNoSignatureAndOneLogin) {
  for (const char* label : {"copied", "uncopied", "rsa"}) {
    const auto key = load(label);
    EXPECT_TRUE(signs(key)) << label;
    set_faults("C_SignInit 1 restart");
    EXPECT_TRUE(signs(key)) << label;
    EXPECT_EQ(calls_of("C_Login"), 1U) << label;
    EXPECT_EQ(calls_of("C_Initialize"), 0U) << label;
    EXPECT_TRUE(signs(key)) << label;
    EXPECT_EQ(calls_of("C_Login"), 1U) << label;
  }
}

class EveryFailureTest : public ForeignTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, EveryFailureTest,
                         Values("CKR_KEY_HANDLE_INVALID", "CKR_OBJECT_HANDLE_INVALID",
                                "CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED",
                                "CKR_OPERATION_ACTIVE", "CKR_DEVICE_ERROR", "CKR_DEVICE_MEMORY",
                                "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED", "CKR_HOST_MEMORY",
                                "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
                                "CKR_USER_NOT_LOGGED_IN", "CKR_CRYPTOKI_NOT_INITIALIZED",
                                "0x80000001"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(EveryFailureTest, CostsNoSignature) {
  const auto key = load("uncopied");
  for (const char* function : {"C_SignInit", "C_Sign"})
    for (const char* when : {"before", "after"}) {
      EXPECT_TRUE(signs(key));
      set_faults(std::string(function) + " 1 " + when + " " + GetParam());
      EXPECT_TRUE(signs(key)) << function << " " << when;
    }
}

TEST_P(EveryFailureTest, ThatStaysIsToldWithinTheDeadlineAndThenForgotten) {
  const test::Plugin impatient(
      prepared.folder(), prepared.section(test::kFaultyModule) + "poolkey-retry-seconds = 1\n");
  const auto key = impatient.load("pkcs11:token=test;object=uncopied;type=private");
  set_faults(std::string("C_SignInit 1+ before ") + GetParam());
  const auto began = Time::now();
  EXPECT_ANY_THROW(impatient.sign(key.get(), view("m")));
  EXPECT_LT(Time::now() - began, milliseconds(1500));
  set_faults("");
  EXPECT_TRUE(signs(key));
}

TEST_F(ForeignRecoveryTest, TheModuleIsStartedAnewOnlyWhenNothingElseHelps) {
  const auto key = load("uncopied");
  set_faults("C_SignInit 1 before CKR_DEVICE_ERROR");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(calls_of("C_Finalize"), 0U);
  set_faults("C_SignInit 1 before CKR_CRYPTOKI_NOT_INITIALIZED");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(calls_of("C_Finalize"), 1U);
}

TEST_F(ForeignRecoveryTest, AModuleThatSomebodyElseInitialisedIsLeftAlone) {
  EXPECT_EQ(test::run_child([&] {
              const auto theirs = hsm::Module::load(test::kFaultyModule);
              const auto key = load("uncopied");
              if (!signs(key)) ::_exit(2);
              set_faults("C_SignInit 1 before CKR_CRYPTOKI_NOT_INITIALIZED");
              if (!signs(key) || calls_of("C_Finalize") != 0) ::_exit(3);
            }),
            0);
}

TEST_F(ForeignRecoveryTest, ASignatureInFlightWaitsForAModuleThatComesBack) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  set_faults("* 1+ before CKR_DEVICE_ERROR");
  std::thread later([] {
    std::this_thread::sleep_for(milliseconds(300));
    set_faults("");
  });
  EXPECT_TRUE(signs(key));
  later.join();
}

TEST_F(ForeignRecoveryTest, WithoutTimeForASecondTryTheNextUseFindsItMended) {
  const test::Plugin hasty(prepared.folder(),
                           prepared.section(test::kFaultyModule) + "poolkey-retry-seconds = 0\n");
  const auto key = hasty.load("pkcs11:token=test;object=uncopied;type=private");
  for (const char* fault : {"C_SignInit 1 restart", "C_SignInit 1 before CKR_DEVICE_ERROR",
                            "C_SignInit 1 before CKR_CRYPTOKI_NOT_INITIALIZED"}) {
    set_faults(fault);
    int tries = 0;
    for (bool good = false; !good && tries < 5; ++tries) try {
        good = signs(key);
      } catch (const Error&) {
      }
    EXPECT_LE(tries, 3) << fault;
  }
}

TEST_F(ForeignRecoveryTest, ARefusalOfTheKeyIsToldAtOnceAndLeavesNoCopies) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key) && signs(key));
  set_faults("C_SignInit 1+ before CKR_KEY_TYPE_INCONSISTENT");
  const auto began = Time::now();
  EXPECT_ANY_THROW(signs(key));
  EXPECT_LT(Time::now() - began, milliseconds(1000));
  EXPECT_EQ(calls_of("C_CopyObject") + 1, calls_of("C_DestroyObject"));  // and the one from before
}

TEST_F(ForeignRecoveryTest, APinThatIsRefusedAfterARestartIsTriedOnceAndAnotherIs) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  set_faults("C_SignInit 1 restart; C_Login 1 before CKR_PIN_INCORRECT");
  const auto refused = [&] {
    for (int i = 0; i < 3; ++i)
      EXPECT_THAT([&] { plugin.sign(key.get(), view("m")); },
                  ThrowsErrc(Errc::kAuthFailed, "CKR_PIN_INCORRECT"));
  };
  refused();
  EXPECT_EQ(calls_of("C_Login"), 1U);
  write_file(prepared.folder() / "pin", std::string_view("0000\n"), 0600);
  refused();
  EXPECT_EQ(calls_of("C_Login"), 2U);
  write_file(prepared.folder() / "pin", std::string_view("1234\n"), 0600);
  EXPECT_TRUE(signs(key));
}

TEST_F(ForeignRecoveryTest, APinsLastTryIsLeftToPeople) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  set_faults("C_SignInit 1 restart; C_GetTokenInfo 1+ flags CKF_USER_PIN_FINAL_TRY");
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT([&] { plugin.sign(key.get(), view("m")); },
                ThrowsErrc(Errc::kAuthFailed, "does not try"));
  EXPECT_EQ(calls_of("C_Login"), 0U);
  set_faults("");
  EXPECT_TRUE(signs(key));
}

TEST_F(ForeignRecoveryTest, ThePinIsHeldInLockedMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers' runtimes make mlock() do nothing";
#endif
  const auto locked = [] {
    const std::string status = read_file("/proc/self/status"), name = "VmLck:";
    return std::stol(status.substr(status.find(name) + name.size()));
  };
  EXPECT_EQ(locked(), 0);
  const auto key = load("copied");
  EXPECT_GT(locked(), 0);
  EXPECT_EQ(test::run_child([&] {
              if (locked() != 0) ::_exit(2);
              if (!signs(key) || locked() == 0) ::_exit(3);  // locks do not pass to a child
            }),
            0);
}

TEST_F(ForeignRecoveryTest, ASessionCopyGoesWithItsObject) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key) && signs(key));  // the second one makes the copy
  set_faults("");
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(signs(key));
  // Within five seconds nobody looks whether it is still there.
  EXPECT_EQ(calls_of("C_FindObjectsInit") + calls_of("C_GetAttributeValue"), 0U);
  prepared.pkcs11_tool(
      "--token-label test --login --pin 1234 --delete-object --type privkey --label copied");
  bool gone = false;
  const auto began = Time::now();
  wait_until(
      [&] {
        try {
          EXPECT_TRUE(signs(key));
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), Errc::kNotFound) << error.what();
          gone = true;
        }
        return gone;
      },
      milliseconds(8000));
  EXPECT_TRUE(gone);
  EXPECT_LT(Time::now() - began, milliseconds(6500));
}

TEST_F(ForeignRecoveryTest, AHungCallHoldsItsCallerOnly) {
  const auto key = load("uncopied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              set_faults("C_Sign 1 hang");
              std::thread([&] { signs(key); }).detach();
              std::this_thread::sleep_for(milliseconds(100));
              for (int i = 0; i < 50; ++i)
                if (!signs(key)) ::_exit(2);
              if (!signs(load("copied"))) ::_exit(3);
              ::_exit(0);
            }),
            0);
}

TEST_F(ForeignRecoveryTest, NobodyWaitsForAnOpeningThatHangs) {
  const auto key = load("uncopied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              set_faults("C_SignInit 1 restart; C_OpenSession 2 hang");
              std::thread([&] { signs(key); }).detach();
              std::this_thread::sleep_for(milliseconds(100));
              const auto began = Time::now();
              for (int tries = 0; tries < 10; ++tries) try {
                  if (signs(key)) ::_exit(Time::now() - began < milliseconds(5000) ? 0 : 4);
                } catch (const Error&) {
                }
              ::_exit(2);
            }),
            0);
}

TEST_F(TwoTokensTest, BothAreUsed) {
  set_faults("");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs());
  EXPECT_EQ(calls_of("C_Sign"), 20U);
  for (const char* lost : {"test", "two"}) {
    SCOPED_TRACE(lost);
    remove_from(lost);
    const auto began = Time::now();
    if (std::string(lost) == "two") {
      EXPECT_ANY_THROW(for (int i = 0; i < 4; ++i) signs());
      continue;
    }
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs());
    EXPECT_LT(Time::now() - began, milliseconds(500));
  }
}

TEST_F(TwoTokensTest, TheLeastBusySigns) {
  set_faults("");
  EXPECT_TRUE(signs() && signs());  // by each of them once
  set_faults("C_Sign 1 delay 800");
  std::thread slow([&] { EXPECT_TRUE(signs()); });
  wait_until([] { return calls_of("C_Sign") == 1; }, milliseconds(1000));
  // Which of them is busy is seen by taking each away: nobody asks the busy one.
  int not_asked = 0;
  for (const char* away : {"test", "two"}) {
    lose_token(away);
    set_faults("");
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(signs());
    if (calls_of("C_SignInit") == 10 && calls_of("C_OpenSession") == 0) ++not_asked;
    lose_token("");
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_TRUE(signs());  // by the one that has come back
  }
  slow.join();
  EXPECT_EQ(not_asked, 1);
}

TEST_F(TwoTokensTest, TheOtherTakesOverInMillisecondsAndTheLostOneRejoins) {
  for (const char* lost : {"test", "two", "test", "two"}) {
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(signs());
    lose_token(lost);
    auto slowest = Time::duration::zero();
    for (int i = 0; i < 200; ++i) {
      const auto began = Time::now();
      EXPECT_TRUE(signs());
      slowest = std::max(slowest, Time::now() - began);
    }
    EXPECT_LT(slowest, milliseconds(100)) << lost;
    lose_token("");
    // The next loss is survived only by the one that has just come back.
    std::this_thread::sleep_for(milliseconds(100));
  }
}

TEST_F(TwoTokensTest, OneThatIsAwayHoldsNobodyUp) {
  const test::Plugin three(prepared.folder(), prepared.section(test::kFaultyModule) +
                                                  "poolkey-token = away, test, two\n");
  const auto began = Time::now();
  key = three.load("pkcs11:object=pooled;type=private");
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(signs());
  EXPECT_LT(Time::now() - began, milliseconds(1500));
  key.reset();
}

TEST_F(TwoTokensTest, WithoutTheConfigurationSeveralAreRefused) {
  const test::Plugin plain(prepared.folder(), prepared.section(test::kFaultyModule));
  EXPECT_THAT([&] { plain.load("pkcs11:object=pooled;type=private"); },
              ThrowsErrc(Errc::kConflict, "matches several tokens"));
}

TEST_F(TwoTokensTest, AKeyThatComesBackIsUsedAgain) {
  remove_from("test");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(signs());
  prepared.pkcs11_tool("--token-label test --login --pin 1234 --write-object " +
                       (prepared.folder() / "pooled.der").string() +
                       " --type privkey --label pooled --id 706f6f6c6564 --usage-sign");
  remove_from("two");
  bool again = false;
  wait_until(
      [&] {
        try {
          again = signs();
        } catch (const Error&) {
        }
        return again;
      },
      milliseconds(8000));
  EXPECT_TRUE(again);
}

/// SoftHSM goes on with a token whose files were away, shows nothing in it, and says that all is
/// well.
TEST_F(ForeignRecoveryTest, FilesThatWereAwayAreFoundAgain) {
  namespace fs = std::filesystem;
  const auto key = load("uncopied");
  EXPECT_TRUE(signs(key));
  const fs::path tokens = prepared.folder() / "tokens", away = prepared.folder() / "away";
  const test::Plugin impatient(
      prepared.folder(), prepared.section(test::kFaultyModule) + "poolkey-retry-seconds = 0\n");
  const std::string uri = "pkcs11:token=test;object=rsa;type=private";
  for (int i = 0; i < 2; ++i) {
    fs::rename(tokens, away);
    fs::create_directory(tokens);
    EXPECT_ANY_THROW(signs(key));
    EXPECT_ANY_THROW(impatient.load(uri));
    fs::remove(tokens);
    fs::rename(away, tokens);
    EXPECT_TRUE(signs(key));
    EXPECT_NO_THROW(load("another"));
  }
}

}  // namespace
}  // namespace poolkey::provider
