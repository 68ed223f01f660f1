// The time of a whole process.
// May touch: POSIX. Called by: rows of whole processes.
#pragma once

#include <string>
#include <vector>

namespace poolkey::bench {

/// Seconds from start to end of a process, which must succeed. Its input is the file `input`;
/// `variables` ("NAME=value") come before those of our environment.
double process_seconds(std::vector<std::string> words, const std::string& input = "/dev/null",
                       std::vector<std::string> variables = {});

}  // namespace poolkey::bench
