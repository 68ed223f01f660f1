// The origin's home is lost, and its backup brings it back: whole, proven, and never mistaken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class BackupTest : public testing::Test {
 protected:
  fs::path backup() const { return d.path("backup"); }
  Words back_up() const { return {"origin", "backup", "--out", backup()}; }
  Words restore() const { return {"origin", "restore", "--from", backup()}; }
  void lose_origin() const { fs::rename(d.home("origin"), d.path("lost")); }
  void expect_nothing_left() const {
    EXPECT_FALSE(fs::exists(backup()));
    EXPECT_FALSE(fs::exists(backup().string() + ".unfinished"));
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(backup()))
      if (!entry.is_directory()) out.push_back(entry.path());
    return out;
  }
  Deployment d = Deployment::at(Stage::kProven);
};

TEST_F(BackupTest, ALostOriginIsRestoredAndGoesOnAndItsMembersAccept) {
  const json::object made = d.json_on("origin", back_up());
  EXPECT_EQ(json::as_array(made, "keys", "backup").size(), 5U);
  EXPECT_EQ(fs::status(backup()).permissions(), fs::perms::owner_all);
  for (const fs::path& file : files())
    EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write)
        << file;
  lose_origin();
  d.must("origin", restore());
  EXPECT_TRUE(d.audit_is_whole());
  EXPECT_THAT(d.must("origin", {"audit", "export"}), HasSubstr("origin restore"));
  EXPECT_TRUE(succeeded(d.pkcs11_tool("origin", "--delete-object --type cert --label root@1")))
      << "SoftHSM destroys what has its lock file";

  d.must("origin", d.generate("media"));
  const std::int64_t versions = d.count("origin",
                                        "key_version WHERE key_name = 'media' AND "
                                        "version > 2000000000");
  EXPECT_EQ(versions, 1) << "a version that the lost origin may have made is not made again";
  const json::object listed = d.json_on("origin", {"key", "list"});
  std::string media;
  for (const json::value& key : json::as_array(listed, "keys", "keys"))
    if (json::text(key.as_object(), "name", "key") == "media")
      media = json::text(key.as_object(), "key", "key");
  d.must("origin", d.release(media));
  ASSERT_TRUE(succeeded(d.pkcs11_tool("edge2", "--delete-object --type privkey --label av@1")));
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "collect", "edge"});
  EXPECT_EQ(d.replica("edge1", media), "present");
  EXPECT_EQ(d.replica("edge2", "av@1"), "absent");
  d.must("origin", {"pool", "reconcile", "edge"});
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(BackupTest, WhatTheLostOriginReleasedAfterwardsIsNotReleasedAgainByItsNumber) {
  d.must("origin", back_up());
  d.must("origin", d.generate("media"));
  for (int times = 0; times < 3; ++times) {  // numbers and statements that the backup has not
    d.must("origin", d.release("media@1"));
    d.receive_all();
  }
  lose_origin();
  d.must("origin", restore());
  d.must("origin", d.release());
  d.receive_all();
  d.prove_all();
  d.must("origin", {"pool", "attest", "edge"});
  EXPECT_THAT(d.must("origin", {"status"}), HasSubstr("drift: 1 stray"))
      << "a key that the restored origin does not know";
}

TEST_F(BackupTest, RestoredTwiceFromOneBackupNumbersStillGrow) {
  d.must("origin", back_up());
  const auto floor = [&] {
    return json::integer(json::as_object(d.json_on("origin", restore()), "floors", "restore"),
                         "release", "floors");
  };
  fs::rename(d.home("origin"), d.path("lost1"));
  const std::int64_t first = floor();
  fs::rename(d.home("origin"), d.path("lost2"));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_GT(floor(), first);
}

TEST_F(BackupTest, IsNeverOverwrittenAndNoHomeEither) {
  d.must("origin", back_up());
  EXPECT_TRUE(refused(d.on("origin", back_up()), 5, {"never overwritten"}));
  EXPECT_TRUE(refused(d.on("origin", restore()), 5, {"tokens", "state.db", "new home"}));
  EXPECT_TRUE(refused(d.on("edge1", restore()), 5, {"tokens"}));
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
}

TEST_F(BackupTest, InterruptedAnywhereIsNeverTakenForOneAndRunAgainIsWhole) {
  for (const char* point : {"copy:before", "copy:after", "copy:recorded", "place:before",
                            "place:after", "place:recorded", "record:after", "record:recorded"}) {
    SCOPED_TRACE(point);
    d.crash("origin", back_up(), "origin backup/" + std::string(point));
    const bool in_place = fs::exists(backup());
    EXPECT_EQ(in_place, std::string(point).find("copy") == std::string::npos &&
                            std::string(point) != "place:before");
    if (!in_place) {
      EXPECT_TRUE(refused(d.on("origin", restore()), 4, {"no backup"}));
    }
    ASSERT_TRUE(succeeded(d.on("origin", back_up())));
    EXPECT_THAT(d.unfinished("origin"), IsEmpty());
    EXPECT_FALSE(fs::exists(backup().string() + ".unfinished"));
    EXPECT_EQ(d.count("origin", "setting WHERE name LIKE 'safeguard.%'"), 5);
    EXPECT_TRUE(d.audit_is_whole());
    fs::remove_all(backup());
  }
}

TEST_F(BackupTest, ARestoreThatDiedIsRunAgain) {
  d.must("origin", back_up());
  lose_origin();
  fs::create_directories(d.home("origin").string() + ".unfinished/tokens/half");
  d.must("origin", restore());
  EXPECT_FALSE(fs::exists(d.home("origin").string() + ".unfinished"));
  EXPECT_THAT(d.must("origin", restore()), HasSubstr("was restored from this backup before"));
  EXPECT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
}

TEST_F(BackupTest, ARestoreThatIsKilledAtAnyMomentIsRunAgain) {
  d.must("origin", back_up());
  lose_origin();
  int killed = 0;
  for (int milliseconds = 1; milliseconds < 200; milliseconds += 13) {
    SCOPED_TRACE(milliseconds);
    const Outcome outcome = d.on("origin", restore(), [&](Command& c) {
      const std::string limit = "0." + std::to_string(1000 + milliseconds).substr(1);
      c.words.insert(c.words.begin(), {"timeout", "--signal=KILL", limit});
    });
    killed += outcome.status != 0;
    ASSERT_TRUE(succeeded(d.on("origin", restore())));
    EXPECT_FALSE(fs::exists(d.home("origin").string() + ".unfinished"));
    ASSERT_TRUE(succeeded(d.on("origin", {"status", "--check"})));
    EXPECT_TRUE(succeeded(d.on("origin", {"audit", "verify"})));
    fs::remove_all(d.home("origin"));
  }
  EXPECT_GT(killed, 2);
}

TEST_F(BackupTest, EachDamagedOrMissingFileIsNamedAndNothingIsWritten) {
  d.must("origin", back_up());
  lose_origin();
  for (const fs::path& file : files()) {
    const std::string content = read_file(file);
    const std::string name = fs::relative(file, backup()).string();
    SCOPED_TRACE(name);
    std::string flipped = content;
    if (flipped.empty())
      flipped = "x";
    else
      flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
    write_file(file, flipped, 0600);
    EXPECT_TRUE(refused(d.on("origin", restore()), 11, {name}));
    fs::remove(file);
    EXPECT_TRUE(refused(d.on("origin", restore()), name == "manifest.json" ? 4 : 11, {name}));
    write_file(file, content, 0600);
  }
  write_file(backup() / "tokens/stranger.object", "x", 0600);
  EXPECT_TRUE(refused(d.on("origin", restore()), 11, {"stranger.object", "does not belong"}));
  EXPECT_FALSE(fs::exists(d.home("origin")));
  EXPECT_FALSE(fs::exists(d.home("origin").string() + ".unfinished"));
}

TEST_F(BackupTest, AWrongPinIsTriedOnceAndLeavesNothing) {
  const Words wrong{"--pin", "file:" + d.path("pins/edge1.user").string()};
  Words verb = back_up();
  verb.insert(verb.begin(), wrong.begin(), wrong.end());
  EXPECT_TRUE(refused(d.on("origin", verb), 10, {"PIN"}));
  expect_nothing_left();
  d.must("origin", back_up());
  lose_origin();
  verb = restore();
  verb.insert(verb.begin(), wrong.begin(), wrong.end());
  EXPECT_TRUE(refused(d.on("origin", verb), 10, {"PIN"}));
  EXPECT_FALSE(fs::exists(d.home("origin")));
}

TEST_F(BackupTest, AKeyThatDoesNotSignIsNamedAndThereIsNoBackup) {
  ASSERT_TRUE(succeeded(d.pkcs11_tool("origin", "--delete-object --type privkey --label av@1")));
  EXPECT_TRUE(refused(d.on("origin", back_up()), 6, {"the private key av@1"}));
  expect_nothing_left();
}

TEST_F(BackupTest, ATrustedKeyThatIsGoneIsNamed) {
  ASSERT_TRUE(
      succeeded(d.pkcs11_tool("origin", "--delete-object --type pubkey --label edge/edge2")));
  EXPECT_TRUE(refused(d.on("origin", back_up()), 6, {"trusted key", "edge2"}));
  expect_nothing_left();
}

TEST_F(BackupTest, AFullDiskLeavesNothingAndTheOriginIsAsItWas) {
  // The copy of the database does not fit; what the origin itself writes does.
  const std::size_t fits = fs::file_size(d.home("origin") / "state.db") / 2;
  EXPECT_TRUE(refused(d.on("origin", back_up(), [&](Command& c) { c.largest_file = fits; }), 8,
                      {"state.db"}));
  expect_nothing_left();
  ASSERT_TRUE(succeeded(d.on("origin", back_up())));
  EXPECT_TRUE(d.audit_is_whole());
}

}  // namespace
}  // namespace poolkey::test
