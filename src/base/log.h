// Logging for operators: one log per layer. The audit is something else.
// May touch: fmt. Called by: everybody. Where nobody asked for it (base/stderr_log.h) nothing is
// written: poolkey.so is a guest in its program, whose stderr is not ours.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <string_view>

namespace poolkey {

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kOff };

/// The log of a layer. May be used by several threads, also while the process ends.
class Log {
 public:
  explicit Log(std::string_view layer) : layer_(layer) {}

  static bool should_log(LogLevel level) {
    return level >= lowest_.load(std::memory_order_relaxed);
  }

  template <class... A>
  void log(LogLevel level, fmt::format_string<A...> text, A&&... values) const {
    if (should_log(level)) write(level, text, fmt::make_format_args(values...));
  }
  template <class... A>
  void debug(fmt::format_string<A...> text, A&&... values) const {
    log(LogLevel::kDebug, text, std::forward<A>(values)...);
  }
  template <class... A>
  void info(fmt::format_string<A...> text, A&&... values) const {
    log(LogLevel::kInfo, text, std::forward<A>(values)...);
  }
  template <class... A>
  void warn(fmt::format_string<A...> text, A&&... values) const {
    log(LogLevel::kWarn, text, std::forward<A>(values)...);
  }
  template <class... A>
  void error(fmt::format_string<A...> text, A&&... values) const {
    log(LogLevel::kError, text, std::forward<A>(values)...);
  }

  /// Takes a line of a layer; must not throw.
  using Writer = void (*)(LogLevel level, std::string_view layer, std::string_view line);
  /// From now on `writer` has the lines of `lowest` and above.
  static void write_to(Writer writer, LogLevel lowest);

 private:
  void write(LogLevel level, fmt::string_view text, fmt::format_args values) const;

  static inline std::atomic<LogLevel> lowest_ = LogLevel::kOff;
  static inline std::atomic<Writer> writer_ = nullptr;
  std::string_view layer_;
};

/// The log of a layer by its name, a literal ("hsm", "pool").
inline Log log(std::string_view layer) { return Log(layer); }

}  // namespace poolkey
