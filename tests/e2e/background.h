// A program that goes on beside a test: started in a process group of its own, watched, ended.
// Called by: the tests of http and agent; e2e.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace poolkey::test {

/// A port of 127.0.0.1 that nobody listens on, and that no other test process is given.
int free_port();

/// True as soon as `done` is, within the time.
bool within(std::chrono::milliseconds limit, const std::function<bool()>& done);

class Background {
 public:
  /// Starts it in `folder`; both its streams are appended to `log`.
  Background(std::vector<std::string> words, std::filesystem::path log,
             const std::filesystem::path& folder = ".",
             const std::map<std::string, std::string>& environment = {});
  Background(Background&& other) noexcept;
  Background& operator=(Background&&) = delete;
  /// Kills what is left of its group.
  ~Background();

  /// Waits until something listens on 127.0.0.1:port. Throws std::runtime_error with the log if it
  /// ends before, or after 20 s.
  void await_port(int port);
  bool runs();
  void signal(int number) const;
  /// Asks it to end, and gives its exit status (128 + N of signal N); kills it after `patience`.
  int stop(std::chrono::milliseconds patience = std::chrono::seconds(10));
  /// SIGKILL, to its whole group.
  void kill();
  pid_t pid() const { return process_; }
  std::string log() const;

 private:
  std::filesystem::path log_;
  pid_t process_ = -1;
  int status_ = -1;
};

}  // namespace poolkey::test
