#include "base/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/log.h"

namespace poolkey {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kMostPassed = 64;

/// The variable, which is gone then; empty if it was not there.
std::string take(const char* name) {
  const char* value = std::getenv(name);
  std::string out = value == nullptr ? "" : value;
  ::unsetenv(name);
  return out;
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t out = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

/// True if a variable that names a process names this one.
bool is_us(const std::string& pid) { return number(pid) == ::getpid(); }

std::string notify_address(std::string address) {
  if (address.empty()) return address;
  if (address[0] == '@')
    address[0] = '\0';
  else if (address[0] != '/')
    throw Error(Errc::kUnsupported, "NOTIFY_SOCKET is '" + address +
                                        "'; it must be an absolute path or '@' and a name");
  if (address.size() >= sizeof(sockaddr_un::sun_path))
    throw Error(Errc::kUnsupported, "NOTIFY_SOCKET is longer than a socket's address may be");
  return address;
}

std::optional<std::chrono::microseconds> watchdog_interval(const std::string& microseconds,
                                                           const std::string& pid) {
  const auto limit = number(microseconds);
  if (!limit || *limit <= 0 || (!pid.empty() && !is_us(pid))) return std::nullopt;
  return std::chrono::microseconds(*limit / 2);
}

std::vector<PassedSocket> passed_sockets(const std::string& count, const std::string& names,
                                         const std::string& pid) {
  std::vector<PassedSocket> out;
  const auto passed = number(count);
  if (!passed || *passed <= 0 || *passed > kMostPassed || !is_us(pid)) return out;
  std::string_view rest = names;
  for (int i = 0; i < static_cast<int>(*passed); ++i) {
    const auto colon = std::min(rest.find(':'), rest.size());
    ::fcntl(kFirstPassed + i, F_SETFD, FD_CLOEXEC);
    out.push_back({kFirstPassed + i, std::string(rest.substr(0, colon))});
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return out;
}

/// One line: a line end would begin another assignment.
std::string one_line(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  return out;
}

/// Of CLOCK_MONOTONIC, by which systemd tells a reload from one before.
std::string monotonic() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::to_string(std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000);
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager out;
  const std::string microseconds = take("WATCHDOG_USEC");
  out.watchdog_ = watchdog_interval(microseconds, take("WATCHDOG_PID"));
  const std::string count = take("LISTEN_FDS");
  const std::string names = take("LISTEN_FDNAMES");
  out.sockets_ = passed_sockets(count, names, take("LISTEN_PID"));
  out.address_ = notify_address(take("NOTIFY_SOCKET"));
  return out;
}

void ServiceManager::ready(std::string_view status) const {
  send("READY=1\nSTATUS=" + one_line(status));
}
void ServiceManager::reloading() const { send("RELOADING=1\nMONOTONIC_USEC=" + monotonic()); }
void ServiceManager::stopping() const { send("STOPPING=1\nSTATUS=stopping"); }
void ServiceManager::status(std::string_view line) const { send("STATUS=" + one_line(line)); }
void ServiceManager::feed_watchdog() const { send("WATCHDOG=1"); }

void ServiceManager::send(const std::string& message) const {
  if (address_.empty()) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto sent =
      ::sendto(socket.fd(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&to), size);
  if (sent != static_cast<ssize_t>(message.size()))
    log("base").warn("the service manager was not told '{}': {}",
                     message.substr(0, message.find('\n')), std::strerror(errno));
}

}  // namespace poolkey
