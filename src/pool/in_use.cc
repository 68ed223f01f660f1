#include "pool/in_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <sstream>

#include "base/descriptor.h"
#include "base/file.h"
#include "home/statement.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

/// By /proc/locks: "1: FLOCK  ADVISORY  READ 1234 fe:01:5678 0 EOF".
std::set<long> holders(ino_t inode) {
  std::set<long> out;
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, how, mode, pid, place;
    words >> number >> kind >> how >> mode >> pid >> place;
    if (kind == "FLOCK" && place.ends_with(":" + std::to_string(inode)))
      out.insert(std::atol(pid.c_str()));
  }
  return out;
}

std::string described(long pid) {
  std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(comm, name);
  return (name.empty() ? "a process" : name) + " (pid " + std::to_string(pid) + ")";
}

}  // namespace

void expect_use(const fs::path& state_folder, ByteView cka_id) {
  const fs::path file = home::in_use_file(state_folder, cka_id);
  if (fs::exists(file)) return;
  make_private_folder(file.parent_path());
  write_file(file, "");
}

std::vector<std::string> processes_using(const fs::path& state_folder, ByteView cka_id) {
  const Descriptor file(
      ::open(home::in_use_file(state_folder, cka_id).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return {};
  if (::flock(file.fd(), LOCK_EX | LOCK_NB) == 0) return {};
  struct stat status {};
  if (::fstat(file.fd(), &status) != 0) return {"a process"};
  std::vector<std::string> out;
  for (const long pid : holders(status.st_ino)) out.push_back(described(pid));
  if (out.empty()) out.emplace_back("a process");
  return out;
}

void end_use(const fs::path& state_folder, ByteView cka_id) {
  remove_file(home::in_use_file(state_folder, cka_id));
}

}  // namespace poolkey::pool
