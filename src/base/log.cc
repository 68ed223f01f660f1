#include "base/log.h"

namespace poolkey {

void Log::write_to(Writer writer, LogLevel lowest) {
  writer_ = writer;
  lowest_ = lowest;
}

void Log::write(LogLevel level, fmt::string_view text, fmt::format_args values) const {
  if (const Writer writer = writer_) writer(level, layer_, fmt::vformat(text, values));
}

}  // namespace poolkey
