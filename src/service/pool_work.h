// What follows from receipts: rollovers go on, and lost replicas are delivered again. Gathered, as
// a thousand members answer within seconds. May touch: rollover and below. Called by: chores.
#pragma once

#include <chrono>

#include "app/app.h"
#include "service/shared.h"

namespace poolkey::service {

/// Once a second. Works on the pools that were woken; on each at most a tenth of the time, as the
/// work looks at every member.
void do_pool_work(app::App& side, Shared& shared);

}  // namespace poolkey::service
