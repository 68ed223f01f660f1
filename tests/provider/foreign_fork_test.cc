// Programs that load a key, fork, and sign in the parent and in the children.
#include <cstdlib>

#include "base/file.h"
#include "fork_crowd.h"
#include "two_tokens.h"

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

TEST_P(ForkTest, ForkingWhileThreadsSign) {
  const auto key = load("uncopied");
  ForkCrowd crowd(plugin, key.get());
  EXPECT_EQ(children_that_fail(10, [&] { return signs(key); }), 0);
  crowd.join();
  EXPECT_GT(crowd.signatures, 0);
  EXPECT_EQ(crowd.failures, 0);
}

TEST_P(ForkTest, ForkingWhileThreadsSignBesideACallThatHangs) {
  const auto key = load("uncopied");
  EXPECT_EQ(test::run_child([&] {
              ForkCrowd crowd(plugin, key.get());
              set_faults("C_Sign 1 hang");
              std::this_thread::sleep_for(milliseconds(50));
              ::_exit(children_that_fail(3, [&] { return signs(key); }));
            }),
            0);
}

class TwoTokensForkTest : public TwoTokensTest {};

TEST_F(TwoTokensForkTest, ForkingWhileThreadsSign) {
  ForkCrowd crowd(plugin, key.get());
  EXPECT_EQ(children_that_fail(10, [&] { return signs(); }), 0);
  crowd.join();
  EXPECT_GT(crowd.signatures, 0);
  EXPECT_EQ(crowd.failures, 0);
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
