// How long a public certificate may be valid: by the day it is issued.
// May touch: base only (pure). Called by: lint, requests, app.
#pragma once

#include "base/clock.h"

namespace poolkey::requests {

struct ValidityLimit {
  int max_days;
  int advised_days;
};

/// 398 days, 200 from 2026-03-15, 100 from 2027-03-15, 47 from 2029-03-15; advised is one less (BR
/// 6.3.2).
ValidityLimit validity_limit(Time not_before);

/// Days of 86,400 seconds, both ends included; what is left over is another day (BR 6.3.2).
long validity_days(Time not_before, Time not_after);

}  // namespace poolkey::requests
