// Which certificates a pool has, which of them is in force, and who is known to have which.
// May touch: keys and below. Called by: app, for `certificate list|show|export`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "keys/issued.h"
#include "pool/survey.h"

namespace poolkey::pool {

/// Beside the certificate in force, which is the newest one of the version in force: later
/// versions' newest are next, all others were before.
enum class Place { kCurrent, kNext, kPrevious };
std::string_view name(Place place) noexcept;

struct KnownCertificate {
  keys::StoredCertificate stored;
  PoolName pool;
  std::string role{};    ///< "edge-external"
  std::string server{};  ///< the one server it is for; empty: for every member
  Place place = Place::kPrevious;
  std::string state{};  ///< "good", "held", "revoked"; empty of another CA's
  std::vector<MemberName> installed{}, missing{}, unknown{};  ///< by the members' newest receipts
};

/// By key, newest version and certificate first. Reads the database, opens no token.
std::vector<KnownCertificate> known_certificates(store::Database& database, const PoolName& pool,
                                                 Time now);

/// The one that is meant by a thumbprint (SHA-1 or SHA-256, its first 8 digits or more, colons and
/// blanks allowed), or the newest of "KEY@N". Throws kNotFound; kInvalidArgument where several are
/// meant.
KnownCertificate find_certificate(store::Database& database, const std::string& wanted, Time now);

}  // namespace poolkey::pool
