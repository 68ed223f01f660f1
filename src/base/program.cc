#include "base/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "base/error.h"

namespace poolkey {
namespace {

constexpr std::size_t kKept = 4096;
constexpr int kNapMs = 20;
constexpr int kLastReads = 64;  // as much as a pipe holds

/// What the new process begins with.
class Beginning {
 public:
  explicit Beginning(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  Beginning(const Beginning&) = delete;
  Beginning& operator=(const Beginning&) = delete;
  ~Beginning() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  pid_t start(const std::vector<std::string>& words) const {
    std::array<char*, 3> environment{
        const_cast<char*>("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        const_cast<char*>("LANG=C.UTF-8"), nullptr};
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_t child = -1;
    const int error = ::posix_spawn(&child, words.front().c_str(), &actions_, &attributes_,
                                    arguments.data(), environment.data());
    if (error != 0)
      throw Error(error == ENOENT ? Errc::kNotFound : Errc::kUnavailable,
                  "cannot run '" + words.front() + "': " + std::strerror(error));
    return child;
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// Takes what is there, waiting for some at most so long. False at the end.
bool read_some(int fd, int wait_ms, std::string& said) {
  pollfd waiting{fd, POLLIN, 0};
  if (::poll(&waiting, 1, wait_ms) <= 0) return true;
  std::array<char, 1024> part{};
  const ssize_t size = ::read(fd, part.data(), part.size());
  if (size <= 0) return size < 0 && (errno == EINTR || errno == EAGAIN);
  said.append(part.data(), static_cast<std::size_t>(size));
  if (said.size() > kKept) said.erase(0, said.size() - kKept);
  return true;
}

}  // namespace

ProgramEnd run_program(const std::vector<std::string>& words, std::chrono::seconds limit) {
  if (words.empty() || !words.front().starts_with('/'))
    throw Error(Errc::kInvalidArgument, "a program is named by its absolute path");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(Errc::kUnavailable, std::string("cannot make a pipe: ") + std::strerror(errno));
  const Descriptor output(ends[0]);
  Descriptor theirs(ends[1]);
  const pid_t child = Beginning(theirs.fd()).start(words);
  theirs.close();
  const auto deadline = std::chrono::steady_clock::now() + limit;
  ProgramEnd out;
  int status = 0;
  bool open = true;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      out.timed_out = true;
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    if (open)
      open = read_some(output.fd(), kNapMs, out.said);
    else
      (void)::poll(nullptr, 0, kNapMs);
  }
  // What it left running may keep the pipe open: only what is there already is taken.
  for (int i = 0; open && i < kLastReads; ++i) open = read_some(output.fd(), 0, out.said);
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return out;
}

}  // namespace poolkey
