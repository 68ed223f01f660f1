// The token's own random generator.
// May touch: base. Called by: keys, for serial numbers.
#pragma once

#include <cstddef>

#include "hsm/token.h"

namespace poolkey::hsm {

/// `count` octets of C_GenerateRandom. Throws as that call says, and kUnavailable for octets that
/// are all the same: a generator that has failed.
Bytes random_bytes(Token& token, std::size_t count);

}  // namespace poolkey::hsm
