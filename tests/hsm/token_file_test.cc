// What a crash within C_Login leaves of a SoftHSM token, and what comes back of it.
#include "hsm/token_file.h"

#include <signal.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "hsm/key_pair.h"
#include "keys/possession.h"
#include "policy/attributes.h"
#include "support/sides.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"
#include "tests/support/soft_token.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;

class TokenFileTest : public testing::Test {
 protected:
  std::filesystem::path file() { return folder() / "token.object"; }
  std::filesystem::path folder() { return token_folder(*soft_.module(), soft_.serial()); }

  test::SoftToken soft_;
};

TEST_F(TokenFileTest, ALoginLeavesACopyThatOnlyItsOwnerReads) {
  const auto token = soft_.login();
  const auto copy = folder() / "token.object.poolkey-copy";
  ASSERT_TRUE(std::filesystem::exists(copy));
  EXPECT_EQ(std::filesystem::status(copy).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_TRUE(is_whole_token_file(view(read_file(copy))));
}

TEST_F(TokenFileTest, AFileCutAnywhereIsNotWhole) {
  const std::string whole = read_file(file());
  ASSERT_TRUE(is_whole_token_file(view(whole)));
  // 8 octets of generation, then at least one attribute; cuts between attributes look whole, so
  // only those within one are asked for here.
  for (std::size_t size = 0; size < 24; ++size)
    EXPECT_FALSE(is_whole_token_file(view(whole.substr(0, size)))) << size;
  EXPECT_FALSE(is_whole_token_file(view(whole.substr(0, whole.size() - 1))));
}

TEST_F(TokenFileTest, ADamagedFileIsNamedAndNotLoggedInTo) {
  const auto token = soft_.open();
  write_file(file(), std::string_view(""));
  EXPECT_THAT([&] { token->login(Role::kUser, Pin(soft_.user_pin())); },
              ThrowsErrc(Errc::kCorrupt, "poolkey token repair"));
}

TEST_F(TokenFileTest, RepairNeedsACopyAndTouchesNoWholeFile) {
  EXPECT_FALSE(restore_token_file(folder()));
  std::filesystem::remove(folder() / "token.object.poolkey-copy");
  write_file(file(), std::string_view(""));
  EXPECT_THAT([&] { restore_token_file(folder()); }, ThrowsErrc(Errc::kNotFound, "back-up"));
}

/// POOLKEY_KILLS asks for another number of kills; 50 end within 20 s.
int kills() {
  const char* wanted = std::getenv("POOLKEY_KILLS");
  return wanted == nullptr ? 50 : std::atoi(wanted);
}

/// Processes that do nothing but log in are killed at random; after each the token is repaired, and
/// its key signs.
TEST_F(TokenFileTest, NoKeyIsLostToProcessesKilledInALoginLoop) {
  KeyPairSpec spec;
  const policy::Policy policy = test::av_auth("EC-P-256");
  spec.algorithm = policy.algorithm_name();
  spec.private_attributes = policy::origin_private(policy);
  spec.public_attributes = policy::origin_public(policy);
  spec.label = "key@1";
  spec.id = {0x01, 0x02};
  const crypto::PublicKey key = generate_key_pair(*soft_.login(), spec);
  soft_.module()->reload();
  std::mt19937 random(20261122);
  int damaged = 0;
  for (int round = 0; round < kills(); ++round) {
    const pid_t child = test::start_child([&] {
      const auto module = Module::load(test::kSoftHsm);
      (void)module->reload();
      for (int i = 0; i < 100000; ++i) {
        const auto token = Token::open(module, {soft_.label(), soft_.serial()});
        token->login(Role::kUser, Pin(soft_.user_pin()));
        token->logout();
      }
    });
    std::this_thread::sleep_for(std::chrono::microseconds(8000 + random() % 12000));
    ::kill(child, SIGKILL);
    ASSERT_TRUE(WIFSIGNALED(test::end_of(child)));
    if (restore_token_file(folder())) ++damaged;
    const int used = test::run_child([&] {
      const auto module = Module::load(test::kSoftHsm);
      (void)module->reload();
      const auto token = Token::open(module, {soft_.label(), soft_.serial()});
      token->login(Role::kUser, Pin(soft_.user_pin()));
      if (!keys::find_possessed(*token->lease(), key, spec.id))
        throw std::runtime_error("the key does not sign");
    });
    ASSERT_EQ(used, 0) << "round " << round;
  }
  RecordProperty("damaged_and_repaired", damaged);
  std::printf("%d of %d kills damaged the token's file; each was repaired\n", damaged, kills());
}

}  // namespace
}  // namespace poolkey::hsm
