// The embedded CA: a stored request becomes a certificate, and is checked like a stranger's.
// May touch: requests and below. Called by: app, for `certificate issue`.
#pragma once

#include "keys/origin.h"
#include "requests/create.h"

namespace poolkey::requests {

/// Issues the certificate of a request with the issuing CA's key in the origin's token, under the
/// policies of both keys, checks it (key, chain, names, validity, usages) and stores it. Run again
/// it gives the certificate that was issued. Throws kDenied (policy), kCorrupt with every fault
/// that the check found.
keys::StoredCertificate issue_certificate(keys::Context& context, const StoredRequest& request);

}  // namespace poolkey::requests
