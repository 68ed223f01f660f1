#include "base/file.h"

#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using test::ThrowsErrc;

class FileTest : public testing::Test {
 protected:
  static mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0);
    return status.st_mode & 07777U;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }
  test::Scratch folder_;
  const std::filesystem::path file_ = folder_ / "file";
};

TEST_F(FileTest, ReadsWhatItWrote) {
  const std::string content("a\0b\n", 4);
  write_file(file_, content);
  EXPECT_EQ(read_file(file_), content);
  write_file(file_, std::string_view());
  EXPECT_EQ(read_file(file_), "");
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileTest, SetsTheModeWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  write_file(file_, std::string_view("x"), 0644);
  EXPECT_EQ(mode_of(file_), 0644U);
  ::umask(0);
  write_file(file_, std::string_view("x"), 0600);
  EXPECT_EQ(mode_of(file_), 0600U);
  ::umask(before);
}

TEST_F(FileTest, ReplacesALinkAndNotWhatItPointsTo) {
  write_file(folder_ / "other", std::string_view("theirs"));
  std::filesystem::create_symlink("other", file_);
  write_file(file_, std::string_view("ours"));
  EXPECT_EQ(read_file(folder_ / "other"), "theirs");
}

TEST_F(FileTest, TellsMissingFromUnreadableAndTooLarge) {
  EXPECT_THAT([&] { read_file(file_); }, ThrowsErrc(Errc::kNotFound, file_.string()));
  EXPECT_THAT([&] { read_file(folder_.path()); }, ThrowsErrc(Errc::kUnavailable));
  write_file(file_, std::string(100, 'x'));
  EXPECT_EQ(read_file(file_, 100).size(), 100U);
  EXPECT_THAT([&] { read_file(file_, 99); }, ThrowsErrc(Errc::kInvalidArgument, "99"));
}

TEST_F(FileTest, LeavesTheOldFileWhereItCannotWrite) {
  write_file(file_, std::string_view("old"));
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  EXPECT_EQ(test::run_child([&] {
              test::drop_root();
              try {
                write_file(file_, std::string_view("new"));
              } catch (const Error& error) {
                if (error.code() == Errc::kUnavailable) return;
              }
              throw std::runtime_error("a read-only folder was written to");
            }),
            0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0700), 0);
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileTest, LeavesNoHalfFileWhereItCannotReplace) {
  std::filesystem::create_directories(file_ / "in the way");
  EXPECT_THAT([&] { write_file(file_, std::string_view("x")); }, ThrowsErrc(Errc::kUnavailable));
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileTest, WritesManyAtOnce) {
  write_file(file_, "old");
  const Bytes one = to_bytes("one"), two = to_bytes("two");
  write_files({{file_, one}, {folder_ / "other", two}}, 0600);
  EXPECT_EQ(read_file(file_), "one");
  EXPECT_EQ(read_file(folder_ / "other"), "two");
  EXPECT_EQ(mode_of(file_), 0600U);
  EXPECT_EQ(files(), 2U);
  write_files({});
}

TEST_F(FileTest, OfManyLeavesEachAsItWasWhereOneCannotBeWritten) {
  write_file(file_, "old");
  const Bytes fresh = to_bytes("new");
  EXPECT_THAT(
      [&] {
        write_files({{file_, fresh}, {folder_ / "missing/file", fresh}});
      },
      ThrowsErrc(Errc::kNotFound));
  EXPECT_EQ(read_file(file_), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(FileTest, IsNeverSeenHalfWritten) {
  const std::string a(200000, 'a');
  const std::string b(200000, 'b');
  write_file(file_, a);
  const pid_t writer = test::start_child([&] {
    for (int i = 0; i < 50; ++i) write_file(file_, i % 2 == 0 ? b : a);
  });
  int status = 0;
  while (::waitpid(writer, &status, WNOHANG) == 0) {
    const std::string seen = read_file(file_);
    ASSERT_TRUE(seen == a || seen == b) << seen.size();
  }
  EXPECT_EQ(status, 0);
}

TEST_F(FileTest, LeavesOldOrNewAfterSigkill) {
  const std::string a(100000, 'a');
  const std::string b(100000, 'b');
  write_file(file_, a);
  for (int round = 0; round < 20; ++round) {
    const pid_t writer = test::start_child([&] {
      for (int i = 0;; ++i) write_file(file_, i % 2 == 0 ? b : a);
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(1 + round % 5));
    ::kill(writer, SIGKILL);
    EXPECT_TRUE(test::was_killed(test::end_of(writer)));
    const std::string seen = read_file(file_);
    ASSERT_TRUE(seen == a || seen == b) << seen.size();
  }
}

TEST_F(FileTest, RemovesAFileAndMindsNoMissingOne) {
  write_file(file_, std::string_view("x"));
  remove_file(file_);
  remove_file(file_);
  EXPECT_FALSE(std::filesystem::exists(file_));
  EXPECT_THAT([&] { remove_file(folder_.path()); }, ThrowsErrc(Errc::kUnavailable));
}

TEST_F(FileTest, MakesPrivateFolders) {
  const std::filesystem::path deep = folder_ / "a" / "b" / "c";
  make_private_folder(deep);
  make_private_folder(deep);
  EXPECT_EQ(mode_of(deep), 0700U);
  EXPECT_EQ(mode_of(folder_ / "a"), 0700U);
  write_file(file_, std::string_view("x"));
  EXPECT_THAT([&] { make_private_folder(file_); }, ThrowsErrc(Errc::kUnavailable));
  EXPECT_THAT([&] { make_private_folder(file_ / "below"); }, ThrowsErrc(Errc::kUnavailable));
}

TEST_F(FileTest, SyncsAFolder) {
  make_private_folder(folder_ / "a" / "b");
  write_file(folder_ / "a" / "b" / "file", std::string_view("x"));
  EXPECT_NO_THROW(sync_tree(folder_.path()));
  EXPECT_THAT([&] { sync_tree(folder_ / "none"); }, ThrowsErrc(Errc::kNotFound));
}

TEST_F(FileTest, LocksAmongProcesses) {
  std::ofstream(folder_ / "count") << 0;
  const auto count = [&] {
    for (int i = 0; i < 50; ++i) {
      const FileLock lock(file_);
      const int seen = std::stoi(read_file(folder_ / "count"));
      std::ofstream(folder_ / "count") << seen + 1;
    }
  };
  const pid_t one = test::start_child(count);
  const pid_t two = test::start_child(count);
  EXPECT_EQ(test::end_of(one), 0);
  EXPECT_EQ(test::end_of(two), 0);
  EXPECT_EQ(read_file(folder_ / "count"), "100");
}

TEST_F(FileTest, GivesUpOnALockInTime) {
  const FileLock held(file_);
  EXPECT_THAT([&] { FileLock(file_, true, 0); }, ThrowsErrc(Errc::kTimeout, file_.string()));
  EXPECT_EQ(test::run_child([&] {
              try {
                const FileLock refused(file_, true, 0);
              } catch (const Error& error) {
                if (error.code() == Errc::kTimeout) return;
              }
              throw std::runtime_error("the lock was not held");
            }),
            0);
}

TEST_F(FileTest, FreesTheLockOfAProcessThatDied) {
  EXPECT_TRUE(test::was_killed(test::run_child([&] {
    const FileLock held(file_);
    ::kill(::getpid(), SIGKILL);
  })));
  EXPECT_NO_THROW(FileLock(file_, true, 0));
}

TEST_F(FileTest, HandsALockOn) {
  {
    FileLock held(file_);
    const FileLock moved(std::move(held));
    EXPECT_THAT([&] { FileLock(file_, true, 0); }, ThrowsErrc(Errc::kTimeout));
  }
  EXPECT_NO_THROW(FileLock(file_, true, 0));
}

TEST_F(FileTest, MakesALockFileOnlyWhenAsked) {
  EXPECT_THAT([&] { FileLock(file_, false, 0); }, ThrowsErrc(Errc::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(FileTest, AStagedFolderIsWholeOrNotThere) {
  const auto place = folder_ / "made";
  {
    StagedFolder left(place);
    write_file(left.path() / "half", "x");
    EXPECT_EQ(mode_of(left.path()), 0700U);
    EXPECT_FALSE(std::filesystem::exists(place));
  }
  EXPECT_EQ(files(), 0U);
  std::filesystem::create_directories(place.string() + ".unfinished/of-a-crash");
  StagedFolder staged(place.string() + "/");
  EXPECT_EQ(files(), 1U);
  write_file(staged.path() / "whole", "x");
  staged.put_in_place();
  EXPECT_EQ(read_file(place / "whole"), "x");
  EXPECT_EQ(files(), 1U);
  EXPECT_THAT([&] { StagedFolder again(place); }, ThrowsErrc(Errc::kAlreadyExists, "made"));
}

}  // namespace
}  // namespace poolkey
