// Runs a program as a process of its own: bounded in time, its streams captured.
// Called by: the tests that drive the real `poolkey`, `openssl` and `pkcs11-tool`.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace poolkey::test {

/// A program to run. Its standard input is empty, and it has no terminal.
struct Command {
  std::vector<std::string> words;
  std::map<std::string, std::string> environment{};
  std::filesystem::path third{};  ///< what its file descriptor 3 reads, if anything
  std::optional<std::size_t>
      largest_file{};      ///< writes beyond this many octets fail, as on a full disk
  bool as_nobody = false;  ///< without the rights of root
  std::chrono::microseconds limit{std::chrono::seconds(60)};  ///< killed after that
};

/// How it ended and what it said.
struct Outcome {
  int status = -1;  ///< exit status; 128 + N if signal N ended it
  std::string out, err;

  /// Both streams, for the message of a test that fails.
  std::string text() const;
};

Outcome run(const Command& command);

/// Words that run a program as if it were another time: "+2h", "@2026-12-24 12:00:00" (faketime(1)).
std::vector<std::string> at_time(const std::string& time, std::vector<std::string> words = {});

/// A line of bash, with -o pipefail.
Outcome shell(const std::string& line, const std::map<std::string, std::string>& environment = {});

/// It ended with 0.
testing::AssertionResult succeeded(const Outcome& outcome);
/// It ended with `status`, and what it said (on either stream) has all of `words`.
testing::AssertionResult refused(const Outcome& outcome, int status,
                                 const std::vector<std::string>& words = {});

}  // namespace poolkey::test
