// Logging for operators: one logger per layer, on stderr. The audit is something else.
// May touch: spdlog. Called by: everybody except the provider module, which has its own.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string_view>

namespace poolkey {

/// The logger of a layer ("hsm", "pool"). Writes to stderr at the level set by set_log_level.
spdlog::logger& log(std::string_view layer);

/// One of trace, debug, info, warn, error, off. Throws kInvalidArgument.
void set_log_level(std::string_view level);

}  // namespace poolkey
