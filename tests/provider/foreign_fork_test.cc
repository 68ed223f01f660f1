// Programs that load a key, fork, and sign in the parent and in the children.
#include <cstdlib>

#include "base/file.h"
#include "foreign.h"

namespace poolkey::provider {
namespace {

/// Whether SoftHSM forgets everything in a child, or keeps what it had.
class ForkTest : public ForeignTest, public testing::WithParamInterface<const char*> {
 protected:
  ForkTest() {
    const auto file = prepared.folder() / "softhsm2.conf";
    write_file(file, read_file(file) + "library.reset_on_fork = " + GetParam() + "\n");
  }
};
INSTANTIATE_TEST_SUITE_P(ResetOnFork, ForkTest, testing::Values("true", "false"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(ForkTest, ParentAndChildrenSign) {
  for (const char* label : {"copied", "uncopied", "rsa"}) {
    const auto key = load(label);
    const auto sign_in_child = [&] {
      return test::run_child([&] {
        for (int i = 0; i < 3; ++i)
          if (!signs(key)) ::_exit(2);
      });
    };
    EXPECT_EQ(sign_in_child(), 0) << label << ", before the parent signed";
    EXPECT_TRUE(signs(key));
    EXPECT_EQ(sign_in_child(), 0) << label << ", after it";
    EXPECT_TRUE(signs(key));
  }
}

TEST_P(ForkTest, GrandchildrenSign) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              if (!signs(key)) ::_exit(2);
              if (test::run_child([&] {
                    if (!signs(key)) ::_exit(2);
                  }) != 0)
                ::_exit(3);
              if (!signs(key)) ::_exit(4);
            }),
            0);
}

TEST_P(ForkTest, AChildWithoutEnvironmentSigns) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              ::clearenv();
              if (!signs(key)) ::_exit(2);
              if (!signs(load("rsa"))) ::_exit(3);
            }),
            0);
}

/// With contexts that are there already: OpenSSL itself does not survive a fork while another
/// thread is within its tables, whoever's the key is.
TEST_P(ForkTest, ForkingWhileThreadsSign) {
  const auto key = load("uncopied");
  std::atomic<bool> ends = false;
  std::atomic<int> signatures = 0, failures = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    auto context = std::make_shared<crypto::EvpPkeyCtx>(
        EVP_PKEY_CTX_new_from_pkey(plugin.context(), key.get(), nullptr));
    ASSERT_EQ(EVP_PKEY_sign_init(context->get()), 1);
    const auto sign = [context] {
      const Bytes digest(32);
      Bytes out(128);
      std::size_t size = out.size();
      return EVP_PKEY_sign(context->get(), out.data(), &size, digest.data(), digest.size()) == 1;
    };
    ASSERT_TRUE(sign());
    threads.emplace_back([sign, &ends, &signatures, &failures] {
      while (!ends) sign() ? ++signatures : ++failures;
    });
  }
  std::vector<pid_t> children;
  for (int i = 0; i < 10; ++i) {
    children.push_back(test::start_child([&] {
      ::alarm(20);
      for (int n = 0; n < 5; ++n)
        if (!signs(key)) ::_exit(2);
    }));
    std::this_thread::sleep_for(milliseconds(5));
  }
  for (const pid_t child : children) EXPECT_EQ(test::end_of(child), 0);
  ends = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(signatures, 0);
  EXPECT_EQ(failures, 0);
}

TEST_P(ForkTest, AnHsmThatRestartsAfterTheForkIsSurvivedOnBothSides) {
  const auto key = load("copied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              if (!signs(key)) ::_exit(2);
              set_faults("C_SignInit 1 restart");
              if (!signs(key)) ::_exit(3);
            }),
            0);
  set_faults("C_SignInit 1 restart");
  EXPECT_TRUE(signs(key));
}

TEST_P(ForkTest, AForkDoesNotWaitForACallThatHangs) {
  const auto key = load("uncopied");
  EXPECT_TRUE(signs(key));
  EXPECT_EQ(test::run_child([&] {
              set_faults("C_Sign 1 hang");
              std::thread([&] { signs(key); }).detach();
              std::this_thread::sleep_for(milliseconds(100));
              const auto began = Time::now();
              if (test::run_child([] {}) != 0) ::_exit(2);
              ::_exit(Time::now() - began < milliseconds(1000) ? 0 : 3);
            }),
            0);
}

}  // namespace
}  // namespace poolkey::provider
