// Many requests as one JSON document: of `request batch`, and of the service.
// May touch: requests/create. Called by: cli, service.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "requests/create.h"

namespace poolkey::requests {

inline constexpr std::size_t kMostInBatch = 1000;

/// {"pool", "role", "key", and where needed "ca", "organization", "server"}. `what` names the
/// document. Throws kCorrupt, or kInvalidArgument for a member that is not understood: it would be
/// a wish that is not heard.
CreateOptions read_wish(const json::object& wish, std::string_view what);

/// {"requests": [wishes]}, 1 to kMostInBatch of them. Throws as read_wish().
std::vector<CreateOptions> read_batch(std::string_view text, std::string_view what);
std::vector<CreateOptions> read_batch(const json::object& document, std::string_view what);

}  // namespace poolkey::requests
