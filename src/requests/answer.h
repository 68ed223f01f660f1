// A CA's answer to a stored request: what it is held against, and how it is bound to the key.
// May touch: requests and below. Called by: certify, file_route.
#pragma once

#include <string>
#include <vector>

#include "requests/accept.h"
#include "requests/repository.h"

namespace poolkey::requests {

/// What a certificate for this request must be: names from the topology as it is now, the policy of
/// the key version, the CA's roots, and every CA certificate and revocation list that was imported.
/// Throws kConflict where the topology asks for other names than the request.
Expected expected_of(keys::Context& context, const StoredRequest& request);

/// Binds an accepted certificate to the request's key version, in the caller's transaction.
void bind_certificate(keys::Context& context, StoredRequest& request,
                      const keys::StoredCertificate& certificate);

/// Accepted certificates that every member which holds the key has shown in its last receipt are
/// installed; what they replace is superseded. Gives the ids of requests that became so.
std::vector<std::string> note_installed(keys::Context& context, const PoolName& pool);

}  // namespace poolkey::requests
