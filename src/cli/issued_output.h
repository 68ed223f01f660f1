// How a certificate of the CA's register is shown.
// May touch: base, keys. Called by: the files of the CA's commands.
#pragma once

#include <string>

#include "base/json.h"
#include "keys/issued.h"

namespace poolkey::cli {

/// "good", "held", "revoked", or "ended" for a good one that does not hold any more.
std::string state_of(const keys::IssuedCertificate& one, Time now);
json::object issued_json(const keys::IssuedCertificate& one, Time now);

}  // namespace poolkey::cli
