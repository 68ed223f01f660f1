// Files: read whole with a limit, written so that a crash leaves the old or the new, never half.
// May touch: POSIX. Called by: every layer that reads or writes a file.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace poolkey {

inline constexpr std::size_t kMaxFileBytes = 16U << 20;

/// The whole file. Throws kNotFound, kUnavailable (not readable) or kInvalidArgument (over
/// `limit`).
std::string read_file(const std::filesystem::path& path, std::size_t limit = kMaxFileBytes);

/// Writes a temporary file beside `path`, syncs it, renames it over `path` and syncs the folder.
/// Throws kUnavailable naming the file and the reason; `path` is then as it was before.
void write_file(const std::filesystem::path& path, ByteView content, mode_t mode = 0644);
void write_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

/// write_file() for many files at once: all are written beside their places, synced by one call,
/// renamed, and synced again. The sync is of the whole file system, which takes less time than one
/// of each file as soon as there are some. Throws as write_file(); each file is then as it was
/// before or as it was to be.
struct FileContent {
  std::filesystem::path path;
  ByteView content;
};
void write_files(const std::vector<FileContent>& files, mode_t mode = 0644);

/// Removes a file and syncs its folder; one that is not there is no error.
void remove_file(const std::filesystem::path& path);

/// Makes the folder and its parents with mode 0700 where they are missing.
void make_private_folder(const std::filesystem::path& path);

/// Syncs a folder and everything below it to the disk. Throws kUnavailable.
void sync_tree(const std::filesystem::path& folder);
/// The same, without the files that were written more than an hour ago: the kernel writes within a
/// minute what nobody syncs, and each sync costs a flush of the disk though there is nothing to
/// write. For a folder of many files that are written in place.
void sync_recent(const std::filesystem::path& folder);

/// A folder that is filled beside its place and then renamed to it, so that what stands at the
/// place is always whole. Until then it is called PLACE.unfinished, and goes with the object.
class StagedFolder {
 public:
  /// Makes it (mode 0700) in the place of what an interrupted run left. Throws kAlreadyExists if
  /// something other than an empty folder stands at `place`.
  explicit StagedFolder(std::filesystem::path place);
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  ~StagedFolder();

  const std::filesystem::path& path() const { return path_; }
  /// Syncs all that is in it and renames it.
  void put_in_place();

 private:
  std::filesystem::path place_, path_;
};

/// An exclusive advisory lock on a file (flock), held for the life of the object. The file is not
/// written; it is made only where `create` says so. Waits at most `seconds`, then throws kTimeout.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& path, bool create = true, int seconds = 30);
  FileLock(FileLock&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int fd_ = -1;
};

}  // namespace poolkey
