// Tells the member, by a lock that goes with the process, that this process holds a copy of a key.
// May touch: home. Called by: replica.
#pragma once

#include <filesystem>
#include <memory>

#include "base/bytes.h"

namespace poolkey::provider {

/// The lock; it ends with the last owner. A child of a fork keeps it as well.
using InUse = std::shared_ptr<const void>;

/// Null where there is no such file, or it cannot be read: then nobody counts on it.
InUse declare_use(const std::filesystem::path& state_folder, ByteView cka_id) noexcept;

}  // namespace poolkey::provider
