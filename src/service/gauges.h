// The metrics that are read from the database: replicas, dates, exposure, the audit log.
// May touch: everything below service. Called by: the metrics handler.
#pragma once

#include "service/call.h"

namespace poolkey::service {

/// Brings the gauges up to date.
void refresh_gauges(Call& call);

}  // namespace poolkey::service
