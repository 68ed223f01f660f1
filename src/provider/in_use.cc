#include "provider/in_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "home/statement.h"

namespace poolkey::provider {
namespace {

/// Daemons close all descriptors that they do not know: the number may be another file's by now.
class Lock {
 public:
  explicit Lock(int fd) : fd_(fd), was_open_(::fstat(fd, &file_) == 0) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() {
    struct stat now {};
    const bool is_ours = was_open_ && ::fstat(fd_, &now) == 0 && now.st_dev == file_.st_dev &&
                         now.st_ino == file_.st_ino;
    if (is_ours) ::close(fd_);
  }

 private:
  int fd_;
  struct stat file_ {};
  bool was_open_;
};

}  // namespace

InUse declare_use(const std::filesystem::path& state_folder, ByteView cka_id) noexcept {
  if (state_folder.empty() || cka_id.empty()) return nullptr;
  try {
    const auto file = home::in_use_file(state_folder, cka_id);
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return nullptr;
    auto out = std::make_shared<Lock>(fd);
    // Exclusive locks are held for a moment only, by the member that looks.
    if (::flock(fd, LOCK_SH) != 0) return nullptr;
    return out;
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace poolkey::provider
