#include "e2e/background.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

#include "base/file.h"

namespace poolkey::test {
namespace {

/// A socket on 127.0.0.1:port after `act` (bind or connect).
bool reaches(int port, int (*act)(int, const sockaddr*, socklen_t)) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result = act(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return result == 0;
}

int meaning(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

int free_port() {
  // Below the ports that the kernel gives out by itself; neighbouring processes are far apart.
  constexpr int kFirst = 12000, kCount = 20000, kEach = 32;
  static int next = 0;
  for (int tries = 0; tries < kEach; ++tries) {
    const int port = kFirst + (::getpid() * kEach + next++ % kEach) % kCount;
    if (reaches(port, ::bind)) return port;
  }
  throw std::runtime_error("no free port");
}

bool within(std::chrono::milliseconds limit, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Background::Background(std::vector<std::string> words, std::filesystem::path log,
                       const std::filesystem::path& folder,
                       const std::map<std::string, std::string>& environment)
    : log_(std::move(log)), process_(::fork()) {
  if (process_ != 0) return;
  ::setsid();
  const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (::dup2(::open("/dev/null", O_RDONLY), 0) < 0 || ::dup2(fd, 1) < 0 || ::dup2(fd, 2) < 0 ||
      ::chdir(folder.c_str()) != 0)
    ::_exit(126);
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execvp(argv.front(), argv.data());
  ::_exit(127);
}

Background::Background(Background&& other) noexcept
    : log_(std::move(other.log_)), process_(other.process_), status_(other.status_) {
  other.process_ = -1;
}

Background::~Background() {
  if (process_ > 0) kill();
}

bool Background::runs() {
  int status = 0;
  if (process_ > 0 && ::waitpid(process_, &status, WNOHANG) == process_) {
    ::kill(-process_, SIGKILL);
    status_ = meaning(status);
    process_ = -1;
  }
  return process_ > 0;
}

void Background::await_port(int port) {
  const bool listens =
      within(std::chrono::seconds(20), [&] { return !runs() || reaches(port, ::connect); });
  if (!listens || !runs()) throw std::runtime_error("nothing listens; its log:\n" + log());
}

void Background::signal(int number) const { ::kill(process_, number); }

int Background::stop(std::chrono::milliseconds patience) {
  if (runs()) signal(SIGTERM);
  if (!within(patience, [&] { return !runs(); })) kill();
  return status_;
}

void Background::kill() {
  if (!runs()) return;
  ::kill(-process_, SIGKILL);
  int status = 0;
  ::waitpid(process_, &status, 0);
  status_ = meaning(status);
  process_ = -1;
}

std::string Background::log() const { return std::filesystem::exists(log_) ? read_file(log_) : ""; }

}  // namespace poolkey::test
