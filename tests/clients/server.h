// A server as a process group of its own, stopped with the object; and free ports.
// Called by: the clients of tests/clients that are servers.
#pragma once

#include <string>

#include "clients/site.h"

namespace poolkey::clients {

/// A port of 127.0.0.1 that nobody listens on, and that no other test process is given.
int free_port();

class Server {
 public:
  /// Runs `line` of bash (one program, without exec) in the site's folder and environment, and
  /// waits until something listens on `port`. Throws std::runtime_error with its log if it ends
  /// before, or after 20 s.
  Server(const Site& site, const std::string& line, int port);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Asks it to end, waits for 5 s, and kills what is left of its group; shows its log where an
  /// exception is on its way.
  ~Server();

  void signal(int number) const;
  /// Waits until its log has `words` this often; throws std::runtime_error after 20 s.
  void until_said(const std::string& words, int times) const;
  /// What it and its children said.
  std::string log() const;

 private:
  void stop() const;

  std::string log_;
  int process_;
};

}  // namespace poolkey::clients
