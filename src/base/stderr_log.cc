#include "base/stderr_log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/log.h"

namespace poolkey {
namespace {

struct Level {
  LogLevel ours;
  spdlog::level::level_enum theirs;
  std::string_view name;
};
constexpr std::array kLevels{Level{LogLevel::kTrace, spdlog::level::trace, "trace"},
                             Level{LogLevel::kDebug, spdlog::level::debug, "debug"},
                             Level{LogLevel::kInfo, spdlog::level::info, "info"},
                             Level{LogLevel::kWarn, spdlog::level::warn, "warn"},
                             Level{LogLevel::kError, spdlog::level::err, "error"},
                             Level{LogLevel::kOff, spdlog::level::off, "off"}};

/// Never destroyed: it may be used while the process ends.
spdlog::sinks::sink& sink() {
  static auto* made = [] {
    auto out = std::make_unique<spdlog::sinks::stderr_sink_mt>();
    out->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc));
    return out.release();
  }();
  return *made;
}

void write(LogLevel level, std::string_view layer, std::string_view line) {
  const auto theirs = kLevels[static_cast<std::size_t>(level)].theirs;
  try {
    sink().log({{layer.data(), layer.size()}, theirs, {line.data(), line.size()}});
  } catch (const std::exception&) {
    // A log that cannot be written is no reason to stop what is logged.
  }
}

}  // namespace

void log_to_stderr(std::string_view level) {
  for (const Level& row : kLevels)
    if (row.name == level) return Log::write_to(write, row.ours);
  throw Error(Errc::kInvalidArgument,
              "'" + std::string(level) +
                  "' is not a log level: use trace, debug, info, warn, error or off");
}

}  // namespace poolkey
