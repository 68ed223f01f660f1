// What stands between us and a module: the deadline, and the lock at the start.
#include <signal.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/process.h"
#include "hsm/token.h"
#include "support/faulty_token.h"
#include "support/matchers.h"

namespace poolkey::hsm {
namespace {

using std::chrono::milliseconds;
using test::FaultyToken;
using test::kFaultyModule;
using test::set_faults;
using test::ThrowsErrc;

/// A second Module on the library that the token has loaded and initialised.
std::shared_ptr<Module> watched(milliseconds limit, std::function<void(const Error&)> overdue) {
  return Module::load(kFaultyModule, Module::Process::kOurs, "",
                      Deadline{limit, std::move(overdue)});
}

TEST(DeadlineTest, ACallThatDoesNotComeBackIsToldWithItsNameAndModule) {
  const FaultyToken soft;
  std::promise<std::string> told;
  const auto module = watched(milliseconds(100), [&](const Error& error) {
    EXPECT_EQ(error.code(), Errc::kTimeout);
    told.set_value(error.what());
  });
  set_faults("C_GetInfo 1 delay 1000");
  (void)module->description();
  const std::string sentence = told.get_future().get();
  for (const char* word : {kFaultyModule, "C_GetInfo", "not known", "run the verb again"})
    EXPECT_THAT(sentence, testing::HasSubstr(word));
}

TEST(DeadlineTest, CallsThatComeBackInTimeAreNotOverdueHoweverManyThereAre) {
  const FaultyToken soft;
  std::atomic<bool> told = false;
  const auto module = watched(milliseconds(200), [&](const Error&) { told = true; });
  const auto until = std::chrono::steady_clock::now() + milliseconds(500);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      while (std::chrono::steady_clock::now() < until) (void)module->description();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(told);
}

TEST(DeadlineTest, AProcessThatHangsEndsAndLeavesNoLock) {
  const FaultyToken soft;
  const int status = test::run_child([&] {
    const auto module = watched(milliseconds(100), [](const Error&) { ::_exit(9); });
    set_faults("C_Login 1 hang");
    Token::open(module, {soft.label(), soft.serial()})->login(Role::kUser, Pin(soft.user_pin()));
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 9);
  EXPECT_NO_THROW(FileLock(soft.configuration(), /*create=*/false, /*seconds=*/0));
}

TEST(ModuleTest, SoftHsmUnderAnotherNameIsInitialisedUnderItsLock) {
  const FaultyToken soft;
  const auto link = soft.folder() / "vendor.so";
  std::filesystem::copy(test::kSoftHsm, link);
  ASSERT_TRUE(may_be_softhsm(link));
  std::atomic<bool> loaded = false;
  std::thread late;
  {
    const FileLock held(soft.configuration(), /*create=*/false);
    late = std::thread([&] {
      const auto module = Module::load(link);
      loaded = true;
    });
    std::this_thread::sleep_for(milliseconds(200));
    EXPECT_FALSE(loaded);
  }
  late.join();
  EXPECT_TRUE(loaded);
}

}  // namespace
}  // namespace poolkey::hsm
