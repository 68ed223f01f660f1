// A PIN from a file that the configuration names. May touch: base. Called by: tokens, object_uri.
#pragma once

#include <filesystem>
#include <string>

#include "base/secret.h"

namespace poolkey::provider {

/// Line ends behind it are dropped. `setting` stands in the sentences. Throws what read_file()
/// throws, or kInvalidArgument for an empty one.
Pin read_pin_file(const std::filesystem::path& path, const std::string& setting);

}  // namespace poolkey::provider
