// The name of a pool key: poolkey://NAME[@vN][?pool=P].
// May touch: base. Called by: resolve.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/ids.h"

namespace poolkey::provider {

struct PoolUri {
  KeyName key;
  std::optional<std::uint32_t> version;  ///< none: the one in force
  std::optional<PoolName> pool;
};

inline constexpr std::string_view kPoolScheme = "poolkey:";

/// Takes "poolkey:NAME" and "NAME@N" too. Throws kInvalidArgument.
PoolUri parse_pool_uri(std::string_view text);

}  // namespace poolkey::provider
