// The same act on many things, by several threads.
// May touch: std. Called by: keys, requests.
#pragma once

#include <cstddef>
#include <functional>

namespace poolkey {

/// Calls act(0) .. act(count - 1), each once, in no order, by as many threads as there are cores
/// but at most `most`; returns when all have ended. After an exception no further ones begin, and
/// it is thrown.
///
/// `worth` is how many of them are worth a thread: a few small acts are done by the caller.
void for_each_index(std::size_t count, unsigned most, const std::function<void(std::size_t)>& act,
                    std::size_t worth = 1);

}  // namespace poolkey
