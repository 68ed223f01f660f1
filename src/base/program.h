// Runs another program: no shell, nothing of ours handed down, and an end within a time limit.
// May touch: POSIX. Called by: pool, for a member's reload hook.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace poolkey {

struct ProgramEnd {
  int status = 0;          ///< exit status, or 128 and the signal's number
  bool timed_out = false;  ///< it was killed, with all of its process group
  std::string said;        ///< the last 4 KiB of what it wrote to stdout and stderr
};

/// `words` are the program's path, which must be absolute, and its arguments, which nothing
/// expands. It gets an empty standard input, no other descriptor, and of the environment only PATH
/// and LANG with values of ours. What it leaves running is not waited for. Throws kInvalidArgument,
/// kNotFound, kUnavailable.
ProgramEnd run_program(const std::vector<std::string>& words, std::chrono::seconds limit);

}  // namespace poolkey
