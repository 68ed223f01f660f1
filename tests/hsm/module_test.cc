#include "hsm/module.h"

#include <dlfcn.h>

#include <csignal>

#include "hsm/object.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/soft_token.h"
#include "tests/base/process.h"

namespace poolkey::hsm {
namespace {

using test::SoftToken;
using test::ThrowsErrc;

TEST(ModuleTest, MissingFileIsNotFound) {
  EXPECT_THAT([] { Module::load("/nowhere/module.so"); }, ThrowsErrc(Errc::kNotFound, "/nowhere"));
}

TEST(ModuleTest, LibraryWithoutPkcs11IsUnsupported) {
  Dl_info libc{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&::dlopen), &libc), 0);
  EXPECT_THAT([&] { Module::load(libc.dli_fname); }, ThrowsErrc(Errc::kUnsupported));
}

TEST(ModuleTest, TextThatIsNoLibraryIsUnsupported) {
  const test::Scratch scratch;
  write_file(scratch / "module.so", "not a library");
  EXPECT_THAT([&] { Module::load(scratch / "module.so"); }, ThrowsErrc(Errc::kUnsupported));
}

TEST(ModuleTest, SoftHsmGetsItsRowOfTheQuirkTable) {
  const SoftToken soft;
  EXPECT_EQ(soft.module()->quirks().profile, "softhsm-2.6");
  EXPECT_EQ(soft.module()->profile().kwp(), CKM_AES_KEY_WRAP_PAD);
}

TEST(QuirksTest, UnknownMakersGetTheStandard) {
  EXPECT_EQ(quirks_for("Somebody Else", "").profile, "standard");
  EXPECT_EQ(quirks_for("", "").profile, "standard");
}

TEST(ModuleTest, OnlyTheOneThatInitialisedReloads) {
  const SoftToken soft;
  const auto second = Module::load(test::kSoftHsm);
  EXPECT_FALSE(second->reload());
  EXPECT_TRUE(soft.module()->reload());
}

TEST(ModuleTest, SecondUserDoesNotFinaliseTheModuleOfTheFirst) {
  const SoftToken soft;
  Module::load(test::kSoftHsm).reset();
  EXPECT_NO_THROW(soft.login());
}

TEST(ModuleTest, ReloadEndsTheLogin) {
  const SoftToken soft;
  const auto before = soft.login();
  ASSERT_TRUE(soft.module()->reload());
  CK_SESSION_INFO info{};
  EXPECT_EQ(soft.module()->fn().C_GetSessionInfo(before->keeper().handle(), &info),
            CKR_SESSION_HANDLE_INVALID);
  EXPECT_NO_THROW(soft.login());
}

/// 0 if a process of its own finds the module's turn taken.
int child_finds_the_turn_taken() {
  return test::run_child([] {
    try {
      const FileLock turn(softhsm_configuration(), /*create=*/false, /*seconds=*/0);
    } catch (const Error& error) {
      if (error.code() == Errc::kTimeout) return;
      throw;
    }
    throw Error(Errc::kConflict, "the turn was free");
  });
}

TEST(ProcessLockTest, ExcludesASecondProcessForAsLongAsItIsHeld) {
  const SoftToken soft;
  {
    const auto turn = soft.module()->process_lock();
    ASSERT_TRUE(turn.has_value());
    EXPECT_EQ(child_finds_the_turn_taken(), 0);
  }
  EXPECT_NE(child_finds_the_turn_taken(), 0);
}

TEST(ProcessLockTest, EndsWithTheProcessThatDies) {
  const SoftToken soft;
  EXPECT_TRUE(test::was_killed(test::run_child([&] {
    const auto turn = soft.module()->process_lock();
    ::kill(::getpid(), SIGKILL);
  })));
  EXPECT_NO_THROW(soft.module()->process_lock());
}

}  // namespace
}  // namespace poolkey::hsm
