// What systemd tells a service, and what it is told: readiness, watchdog, sockets (sd_notify(3),
// sd_watchdog_enabled(3), sd_listen_fds(3)), without libsystemd.
// May touch: POSIX. Called by: the service and the agent.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace poolkey {

/// A socket that systemd bound and that listens already.
struct PassedSocket {
  int fd;            ///< close-on-exec
  std::string name;  ///< FileDescriptorName= of its unit, else that unit's name
};

/// The other end of $NOTIFY_SOCKET. Where there is none, nothing is sent and nothing waits. May be
/// used from any thread. A message that cannot be sent is a warning in the log: whoever waits for
/// it acts by itself.
class ServiceManager {
 public:
  /// Reads the environment and takes these variables out of it, so that no program we start
  /// speaks for us. Called once, before there are threads. Throws kUnsupported for a notify socket
  /// that is neither a path nor an abstract name.
  static ServiceManager from_environment();

  ServiceManager() = default;

  /// Requests are answered from now on, or again after reloading(). A first one ends `Type=notify`.
  void ready(std::string_view status) const;
  void reloading() const;
  void stopping() const;
  /// One line for `systemctl status`.
  void status(std::string_view line) const;
  /// "I am well." Sent at least every watchdog(), or systemd ends us.
  void feed_watchdog() const;

  /// Half of WatchdogSec=: how often to feed it. Nothing where nobody waits for it.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }
  const std::vector<PassedSocket>& sockets() const { return sockets_; }

 private:
  void send(const std::string& message) const;

  std::string address_;  ///< as in a sockaddr_un: an abstract name begins with NUL
  std::optional<std::chrono::microseconds> watchdog_;
  std::vector<PassedSocket> sockets_;
};

}  // namespace poolkey
