#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>

#include <map>
#include <mutex>

#include "base/error.h"

namespace poolkey {
namespace {

/// Loggers are made once per layer and never destroyed: they may be used while the process ends.
struct Loggers {
  std::mutex mutex;
  std::shared_ptr<spdlog::sinks::sink> sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  std::map<std::string, std::unique_ptr<spdlog::logger>, std::less<>> by_layer;
  spdlog::level::level_enum level = spdlog::level::warn;
};

Loggers& loggers() {
  static auto* all = new Loggers;  // leaked on purpose, see above
  return *all;
}

}  // namespace

spdlog::logger& log(std::string_view layer) {
  Loggers& all = loggers();
  const std::lock_guard hold(all.mutex);
  auto found = all.by_layer.find(layer);
  if (found == all.by_layer.end()) {
    auto made = std::make_unique<spdlog::logger>(std::string(layer), all.sink);
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc);
    made->set_level(all.level);
    found = all.by_layer.emplace(std::string(layer), std::move(made)).first;
  }
  return *found->second;
}

void set_log_level(std::string_view level) {
  const std::string text(level);
  const auto parsed = spdlog::level::from_str(text);
  if (parsed == spdlog::level::off && text != "off")
    throw Error(Errc::kInvalidArgument,
                "'" + text + "' is not a log level: use trace, debug, info, warn, error or off");
  Loggers& all = loggers();
  const std::lock_guard hold(all.mutex);
  all.level = parsed;
  for (auto& [layer, logger] : all.by_layer) logger->set_level(parsed);
}

}  // namespace poolkey
