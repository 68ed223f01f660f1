// From a peer to a principal: who a client certificate or an account of this host is.
// May touch: keys' register of issued certificates, policy. Called by: the dispatcher.
#pragma once

#include "policy/access.h"
#include "service/message.h"
#include "store/sql.h"

namespace poolkey::service {

/// Register profiles of certificates that name somebody.
inline constexpr std::string_view kMemberProfile = "member";
inline constexpr std::string_view kClientProfile = "client";

struct Identity {
  policy::Principal principal{};
  std::string
      actor{};  ///< for the audit log: "certificate:0123ab alice", "uid:0 root", "anonymous"
  /// Why a good certificate names nobody: it is of a profile of the CA. Its holder may have it
  /// renewed by EST, and nothing else.
  std::string nobody{};
  bool ended = false;  ///< the certificate does not hold any more; only a renewal may follow
};

/// Looks the certificate up in the register: it must be the one that this CA issued, octet for
/// octet, and be neither held nor revoked; so a revocation counts from the next request on. Throws
/// HttpError 401 for any other certificate. Anonymous where nothing was shown.
Identity identify(const Peer& peer, store::Database& database);

}  // namespace poolkey::service
