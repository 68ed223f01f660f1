// p11-kit's remoting of a SoftHSM: a server, and a process of its own for each client.
// Called by: provider_main.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "base/process.h"
#include "support/plugin.h"

namespace poolkey::test {

/// p11-kit's server for a SoftHSM, which makes a process for each client.
class RemotingServer {
 public:
  explicit RemotingServer(const Prepared& prepared) : socket_(prepared.folder() / "socket") {
    start();
  }
  RemotingServer(const RemotingServer&) = delete;
  RemotingServer& operator=(const RemotingServer&) = delete;
  ~RemotingServer() { stop(); }

  std::string address() const { return "unix:path=" + socket_.string(); }

  void start() {
    server_ = start_child([&] {
      // Nothing that takes memory: other threads may hold its locks as we fork.
      ::setsid();
      // It tells its address, and the end of each client's process.
      const int nowhere = ::open("/dev/null", O_WRONLY);
      if (::dup2(nowhere, STDOUT_FILENO) < 0 || ::dup2(nowhere, STDERR_FILENO) < 0) ::_exit(1);
      ::execlp("p11-kit", "p11-kit", "server", "--provider", kSoftHsm, "-f", "-n", socket_.c_str(),
               "pkcs11:", nullptr);
    });
    for (int tries = 0; !std::filesystem::exists(socket_) && tries < 5000; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void stop() {
    ::kill(-server_, SIGKILL);
    (void)end_of(server_);
    std::filesystem::remove(socket_);
  }
  /// The process that serves each client, not the server.
  void kill_remotes() const {
    std::ifstream children("/proc/" + std::to_string(server_) + "/task/" + std::to_string(server_) +
                           "/children");
    for (pid_t child = 0; children >> child;) ::kill(child, SIGKILL);
  }

 private:
  std::filesystem::path socket_;
  pid_t server_ = 0;
};

}  // namespace poolkey::test
