// The check of a certificate that came back from a CA, before it goes to any member.
// May touch: crypto's types (pure). Called by: app.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/certificate.h"
#include "requests/names.h"

namespace poolkey::requests {

/// Every reason not to install the certificate; empty means accept. The key must be `key`, the
/// chain end in `root` and hold at `now`, common name and DNS names be the requested ones (as a
/// set, in any case; the common name may be repeated where no SAN was asked for, and may be dropped
/// by a CA that keeps none), no other kind of name there, validity at most `max_validity` counted
/// inclusively, serverAuth among the extended key usages, and no CA.
std::vector<std::string> check_certificate(const crypto::Certificate& certificate,
                                           const std::vector<crypto::Certificate>& chain,
                                           const crypto::Certificate& root,
                                           const crypto::PublicKey& key,
                                           const RequestedNames& names, Duration max_validity,
                                           Time now);

}  // namespace poolkey::requests
