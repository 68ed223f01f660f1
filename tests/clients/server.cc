#include "clients/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>

#include "base/file.h"

namespace poolkey::clients {
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

bool within(std::chrono::seconds limit, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
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

Server::Server(const Site& site, const std::string& line, int port)
    : log_(site.path("server-" + std::to_string(port) + ".log")), process_(::fork()) {
  if (process_ == 0) {
    ::setsid();
    const int fd = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (::dup2(::open("/dev/null", O_RDONLY), 0) < 0 || ::dup2(fd, 1) < 0 || ::dup2(fd, 2) < 0 ||
        ::chdir(site.path("").c_str()) != 0)
      ::_exit(126);
    ::unsetenv("SOFTHSM2_CONF");
    for (const auto& [name, value] : site.environment()) ::setenv(name.c_str(), value.c_str(), 1);
    const std::string command = "exec " + line;
    ::execlp("bash", "bash", "-c", command.c_str(), nullptr);
    ::_exit(127);
  }
  bool ended = false;
  const bool listens = within(std::chrono::seconds(20), [&] {
    ended = ::waitpid(process_, nullptr, WNOHANG) == process_;
    return ended || reaches(port, ::connect);
  });
  if (listens && !ended) return;
  const std::string text = line + "\ndoes not listen; its log:\n" + log();
  stop();
  throw std::runtime_error(text);
}

Server::~Server() {
  stop();
  if (std::uncaught_exceptions() > 0) std::fprintf(stderr, "%s\n", log().c_str());
}

void Server::stop() const {
  ::kill(-process_, SIGTERM);
  within(std::chrono::seconds(5), [&] {
    const pid_t got = ::waitpid(process_, nullptr, WNOHANG);
    return got == process_ || (got < 0 && errno == ECHILD);
  });
  ::kill(-process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Server::signal(int number) const { ::kill(process_, number); }

void Server::until_said(const std::string& words, int times) const {
  const bool said = within(std::chrono::seconds(20), [&] {
    const std::string text = log();
    int count = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++count;
    return count >= times;
  });
  if (!said) throw std::runtime_error("no '" + words + "' in: " + log());
}

std::string Server::log() const { return poolkey::read_file(log_); }

}  // namespace poolkey::clients
