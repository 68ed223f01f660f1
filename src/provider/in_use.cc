#include "provider/in_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "home/statement.h"

namespace poolkey::provider {
namespace {

struct Lock {
  explicit Lock(int descriptor) : fd(descriptor) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { ::close(fd); }
  int fd;
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
