#include "base/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/file.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using namespace std::chrono_literals;
using test::ThrowsErrc;
using testing::SizeIs;

ProgramEnd sh(const std::string& line, std::chrono::seconds limit = 20s) {
  return run_program({"/bin/sh", "-c", line}, limit);
}

TEST(ProgramTest, TellsHowItEndedAndWhatItSaid) {
  const ProgramEnd end = sh("echo out; echo err >&2; exit 3");
  EXPECT_EQ(end.status, 3);
  EXPECT_FALSE(end.timed_out);
  EXPECT_EQ(end.said, "out\nerr\n");
  EXPECT_EQ(sh("kill -TERM $$").status, 128 + 15);
}

TEST(ProgramTest, GivesArgumentsAsTheyAre) {
  EXPECT_EQ(run_program({"/bin/echo", "$(id)", "*", "a  b", "; rm"}, 20s).said,
            "$(id) * a  b ; rm\n");
}

TEST(ProgramTest, HandsNothingDown) {
  const int open = ::dup(0);  // not close-on-exec, as a PIN's descriptor may be
  ::setenv("POOLKEY_CANARY", "17", 1);
  // Not in a pipe: the shell may still have an end of it open while ls looks.
  EXPECT_EQ(sh("ls /proc/$$/fd; env | grep -c CANARY; cat").said, "0\n1\n2\n0\n");
  ::unsetenv("POOLKEY_CANARY");
  ::close(open);
}

TEST(ProgramTest, KillsTheWholeGroupAfterItsTime) {
  const test::Scratch scratch;
  const std::string file = (scratch / "late").string();
  const ProgramEnd end = sh("echo begun; (sleep 1.5; touch '" + file + "') & sleep 60", 1s);
  EXPECT_TRUE(end.timed_out);
  EXPECT_EQ(end.status, 128 + 9);
  EXPECT_EQ(end.said, "begun\n");
  ::sleep(1);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(ProgramTest, DoesNotWaitForWhatIsLeftRunning) {
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(sh("sleep 20 & echo $!").status, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

TEST(ProgramTest, KeepsTheEndOfALongTalk) {
  const ProgramEnd end = sh("yes poolkey | head -c 1000000; echo last");
  EXPECT_THAT(end.said, SizeIs(4096));
  EXPECT_TRUE(end.said.ends_with("last\n"));
}

TEST(ProgramTest, RefusesWhatIsNoProgram) {
  EXPECT_THAT([] { run_program({"true"}, 1s); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([] { run_program({}, 1s); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([] { run_program({"/nowhere/x"}, 1s); }, ThrowsErrc(Errc::kNotFound));
  EXPECT_THAT([] { run_program({"/etc/passwd"}, 1s); }, ThrowsErrc(Errc::kUnavailable));
}

}  // namespace
}  // namespace poolkey
