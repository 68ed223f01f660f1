// Files that mean harm, read by the real program: a sentence, an exit status, bounded time and
// memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

class BadFileTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& content) const {
    write_file(folder / name, content);
    return (folder / name).string();
  }

  /// Lints it with 2 s of processor time and 200 MiB of addresses, of which the program's own
  /// libraries take the half.
  static Outcome lint(const std::string& path) {
    return run(
        {.words = {"/bin/bash", "-c", "ulimit -t 2 -v 204800; exec \"$0\" request lint \"$1\"",
                   POOLKEY_PROGRAM, path},
         .limit = std::chrono::seconds(10)});
  }

  const Scratch scratch;
  const std::filesystem::path folder = scratch.path();
};

constexpr int kInvalid = 2, kUnavailable = 8, kCorrupt = 11;

TEST_F(BadFileTest, SizesAndDepthsAreBounded) {
  std::filesystem::resize_file(file("sparse", ""), 100'000'000'000);
  EXPECT_TRUE(refused(lint((folder / "sparse").string()), kInvalid, {"larger than the 4194304"}));
  EXPECT_TRUE(refused(lint("/dev/zero"), kInvalid, {"larger than the 4194304"}));
  std::string deep;
  for (int i = 0; i < 2'000'000; ++i) deep += "\x30\x80";
  EXPECT_TRUE(refused(lint(file("deep", deep)), kCorrupt, {"deep"}));
  // Two million empty elements.
  const std::string many = "\x30\x83\x3f\xff\x00" + std::string(0x3fff00, '\x05');
  EXPECT_TRUE(refused(lint(file("many", many)), kCorrupt, {"damaged at octet"}));
  EXPECT_TRUE(
      refused(lint(file("dashes", std::string(4'000'000, '-'))), kCorrupt, {"neither PEM"}));
  std::string blocks;
  for (int i = 0; i < 40'000; ++i) blocks += "-----BEGIN A-----\nMAA=\n-----END A-----\n";
  EXPECT_TRUE(refused(lint(file("blocks", blocks)), kCorrupt, {"wanted"}));
}

TEST_F(BadFileTest, TenThousandNamesAreTooMany) {
  std::string config =
      "[req]\ndistinguished_name=dn\nreq_extensions=e\n[dn]\n[e]\nsubjectAltName=@n\n[n]\n";
  for (int i = 0; i < 10'000; ++i)
    config += "DNS." + std::to_string(i) + "=n" + std::to_string(i) + ".contoso.com\n";
  const std::string request = (folder / "request").string();
  ASSERT_TRUE(
      succeeded(shell("openssl req -new -noenc -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                      "-keyout /dev/null -subj /CN=a.b.c -config " +
                      file("config", config) + " -out " + request)));
  EXPECT_TRUE(refused(lint(request), kInvalid, {"subjectAltName has more than 1000 entries"}));
}

TEST_F(BadFileTest, SentencesPlayNoTricksInATerminal) {
  const Outcome outcome = lint((folder / "\x1b[31mred").string());
  EXPECT_TRUE(refused(outcome, 4, {"/\\x1b[31mred'"}));
  EXPECT_EQ(outcome.text().find('\x1b'), std::string::npos);
}

TEST_F(BadFileTest, WhatIsNoRequestIsNamed) {
  EXPECT_TRUE(refused(lint(file("empty", "")), kCorrupt, {"it is empty"}));
  EXPECT_TRUE(refused(lint(folder.string()), kUnavailable, {"directory"}));
  EXPECT_TRUE(refused(lint((folder / "none").string()), 4, {"No such file"}));
  EXPECT_TRUE(
      refused(lint(file("page", "<!doctype html><title>Sign in</title>")), kCorrupt, {"web page"}));
  EXPECT_TRUE(refused(lint(file("wide", std::string("\xff\xfe-\0-\0", 6))), kCorrupt, {"UTF-16"}));
  ASSERT_TRUE(succeeded(
      shell("openssl ecparam -name prime256v1 -genkey -out " + (folder / "key").string())));
  EXPECT_TRUE(refused(lint((folder / "key").string()), kCorrupt, {"must not be sent to anybody"}));
}

}  // namespace
}  // namespace poolkey::test
