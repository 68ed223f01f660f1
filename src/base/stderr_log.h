// The log of our own programs: lines with time, level and layer on stderr.
// May touch: spdlog. Called by: cli.
#pragma once

#include <string_view>

namespace poolkey {

/// Writes what is logged at `level` and above: one of trace, debug, info, warn, error, off. Throws
/// kInvalidArgument. May be called again.
void log_to_stderr(std::string_view level);

}  // namespace poolkey
