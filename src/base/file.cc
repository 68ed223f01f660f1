#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <thread>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/lent_files.h"

namespace poolkey {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& act, const fs::path& path, int error) {
  const Errc code = error == ENOENT ? Errc::kNotFound : Errc::kUnavailable;
  throw Error(code, "cannot " + act + " '" + path.string() + "': " + std::strerror(error));
}

void sync_path(const fs::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) fail("open", path, errno);
  if (::fsync(file.fd()) != 0) fail("sync", path, errno);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

void write_all(int fd, ByteView content, const fs::path& path) {
  std::size_t done = 0;
  while (done < content.size()) {
    const ssize_t n = ::write(fd, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("write", path, n < 0 ? errno : EIO);
    done += static_cast<std::size_t>(n);
  }
}

bool may_be_unwritten(const fs::directory_entry& file) {
  std::error_code gone;
  const auto written = file.last_write_time(gone);
  return !gone && written > fs::file_time_type::clock::now() - std::chrono::hours(1);
}

template <class Wanted>
void sync_below(const fs::path& folder, const Wanted& wanted) {
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_directory() || (it->is_regular_file() && wanted(*it))) sync_path(it->path());
  if (error) fail("list", folder, error.value());
  sync_path(folder);
}

/// Since Linux 5.8 it reports what could not be written.
void sync_file_system(const fs::path& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd() < 0) fail("open", folder, errno);
  if (::syncfs(file.fd()) != 0) fail("sync the file system of", folder, errno);
}

/// New content beside its place, until it is renamed over it; removed if that never happens.
class Replacement {
 public:
  Replacement(const fs::path& path, ByteView content, mode_t mode)
      : path_(path), temporary_(path.string() + ".tmp." + std::to_string(::getpid())) {
    try {
      const Descriptor file(
          ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
      if (file.fd() < 0) fail("write", path_, errno);
      if (::fchmod(file.fd(), mode) != 0) fail("set the mode of", path_, errno);
      write_all(file.fd(), content, path_);
    } catch (...) {
      (void)::unlink(temporary_.c_str());
      throw;
    }
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (!temporary_.empty()) (void)::unlink(temporary_.c_str());
  }

  void sync() const { sync_path(temporary_); }
  void rename() {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace", path_, errno);
    temporary_.clear();
  }

 private:
  fs::path path_;
  fs::path temporary_;
};

}  // namespace

std::string read_file(const fs::path& path, std::size_t limit) {
  const auto refuse = [&] {
    throw Error(Errc::kInvalidArgument, "'" + path.string() + "' is larger than the " +
                                            std::to_string(limit) + " bytes that are read");
  };
  if (const std::string* lent = LentFiles::find(path.string())) {
    if (lent->size() > limit) refuse();
    return *lent;
  }
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) fail("read", path, errno);
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) fail("read", path, errno);
  if (S_ISREG(status.st_mode) && static_cast<std::size_t>(status.st_size) > limit) refuse();
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = ::read(file.fd(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    if (n == 0) return out;
    out.append(buffer, static_cast<std::size_t>(n));
    if (out.size() > limit) refuse();  // a pipe, or a file that grows
  }
}

void write_file(const fs::path& path, ByteView content, mode_t mode) {
  if (LentFiles::take(path.string(), std::string(content.begin(), content.end()), mode)) return;
  Replacement replacement(path, content, mode);
  replacement.sync();
  replacement.rename();
  sync_path(folder_of(path));
}

void write_files(const std::vector<FileContent>& files, mode_t mode) {
  if (files.empty()) return;
  std::vector<std::unique_ptr<Replacement>> replacements;
  for (const FileContent& file : files)
    replacements.push_back(std::make_unique<Replacement>(file.path, file.content, mode));
  std::map<dev_t, fs::path> file_systems;
  for (const FileContent& file : files) {
    const fs::path folder = folder_of(file.path);
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) fail("look at", folder, errno);
    file_systems.emplace(status.st_dev, folder);
  }
  for (const auto& [device, folder] : file_systems) sync_file_system(folder);
  for (const auto& replacement : replacements) replacement->rename();
  for (const auto& [device, folder] : file_systems) sync_file_system(folder);
}

void write_file(const fs::path& path, std::string_view content, mode_t mode) {
  write_file(path, view(content), mode);
}

void remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return;
    fail("remove", path, errno);
  }
  sync_path(folder_of(path));
}

void make_private_folder(const fs::path& path) {
  std::error_code unknown;
  if (path.empty() || fs::is_directory(path, unknown)) return;
  make_private_folder(path.parent_path());
  if (::mkdir(path.c_str(), 0700) == 0) return;
  const int error = errno;
  // Another process may have made it meanwhile; but what is there may also be a file.
  if (error != EEXIST || !fs::is_directory(path, unknown)) fail("make the folder", path, error);
}

void sync_tree(const fs::path& folder) {
  sync_below(folder, [](const fs::directory_entry&) { return true; });
}

void sync_recent(const fs::path& folder) { sync_below(folder, may_be_unwritten); }

StagedFolder::StagedFolder(fs::path place) : place_(std::move(place)) {
  if (!place_.has_filename()) place_ = place_.parent_path();  // "backup/"
  if (fs::exists(place_) && !(fs::is_directory(place_) && fs::is_empty(place_)))
    throw Error(Errc::kAlreadyExists, "'" + place_.string() + "' is there already, and not empty");
  path_ = place_.string() + ".unfinished";
  std::error_code error;
  fs::remove_all(path_, error);
  if (error) fail("remove", path_, error.value());
  make_private_folder(path_);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

void StagedFolder::put_in_place() {
  sync_tree(path_);
  if (::rename(path_.c_str(), place_.c_str()) != 0) fail("make", place_, errno);
  path_.clear();
  sync_path(folder_of(place_));
}

FileLock::FileLock(const fs::path& path, bool create, int seconds) {
  fd_ = create ? ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)
               : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) fail("open the lock", path, errno);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK && error != EINTR) {
      ::close(fd_);
      fail("lock", path, error);
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      ::close(fd_);
      throw Error(Errc::kTimeout, "another process has held the lock on '" + path.string() +
                                      "' for " + std::to_string(seconds) + " s; try again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

FileLock::~FileLock() {
  if (fd_ < 0) return;
  // Not by closing alone: the child of a fork may have come by the same open file.
  ::flock(fd_, LOCK_UN);
  ::close(fd_);
}

}  // namespace poolkey
