// A CA's answer to a stored request: what it is held against, and how it is bound to the key.
// May touch: requests and below. Called by: route.
#pragma once

#include <string>
#include <vector>

#include "requests/accept.h"
#include "requests/repository.h"

namespace poolkey::requests {

/// The names that the topology asks for. Throws kConflict where they are other ones than the
/// request's.
RequestedNames names_of(store::Database& database, const StoredRequest& request);

/// Asks the key's policy whether this CA may issue for it, for so long.
policy::Permit issue_permit(keys::Context& context, const StoredRequest& request,
                            Duration validity);

/// What a certificate for this request must be: names from the topology as it is now, the policy of
/// the key version, the CA's roots, and every CA certificate and revocation list that was imported.
/// Throws as names_of(); kNotFound where no root is configured, or none that is was imported.
Expected expected_of(keys::Context& context, const StoredRequest& request);

/// Binds an accepted certificate to the request's key version, in the caller's transaction.
void bind_certificate(keys::Context& context, StoredRequest& request,
                      const keys::StoredCertificate& certificate);

/// Accepted certificates that every member which holds the key has shown in its last receipt are
/// installed; of one role the older ones are superseded, accepted or installed. Gives the ids of
/// requests that were installed.
std::vector<std::string> note_installed(keys::Context& context, const PoolName& pool);

}  // namespace poolkey::requests
