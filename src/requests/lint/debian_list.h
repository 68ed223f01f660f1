// The list of Debian's weak keys for a size of RSA keys, made anew.
// May touch: crypto. Called by: cli.
#pragma once

#include <cstdint>
#include <string>

namespace poolkey::requests {

/// The nine keys of each process number from `first` to `last`, in the format of WeakKeys, sorted.
/// All processors work: a key takes 30 ms for 2048 bits, so the 294,912 keys of the numbers 0 to
/// 32767 take two and a half hours of one. Throws kInvalidArgument.
std::string debian_list(unsigned bits, std::uint32_t first, std::uint32_t last);

}  // namespace poolkey::requests
