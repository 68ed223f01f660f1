// Every certificate that a deployment needs, why, what there is of it, and when to ask for it.
// May touch: requests' topology and names (pure), the database for what exists. Called by: cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "requests/names.h"
#include "requests/repository.h"

namespace poolkey::requests {

/// What there is of a planned certificate.
struct Existing {
  std::string request;
  KeyVersion key;
  State state = State::kDrafted;
  std::optional<Time> not_after{};  ///< of its accepted certificate
};

struct PlannedCertificate {
  std::string id;  ///< "edge.edge-external", "front-ends.front-end.ee01"
  PoolName pool;
  std::optional<MemberName> server{};
  const CertificateKind* kind;
  std::string serves;  ///< as its kind has them, less what has a certificate of its own
  std::string types;
  Authority authority;
  RequestedNames names;
  std::vector<MemberName> members{};  ///< who share its key; of a server's own that one
  bool exportable = false;            ///< its key leaves the HSM, wrapped
  Duration token_lifetime{};          ///< of what is signed with the key, and outlives its use
  Duration roll_out{};
  std::vector<Existing> existing{};

  /// The accepted certificate that ends last.
  const Existing* current() const;
  /// Expiry less token lifetime, the CA's turnaround and the roll-out; nothing where there is no
  /// certificate yet: then it is to be asked for at once.
  std::optional<Time> ask_by() const;
};

/// Of the whole topology, pool by pool in the order of the file.
std::vector<PlannedCertificate> plan(const Topology& topology);

/// Fills in what the database knows of it.
void add_existing(std::vector<PlannedCertificate>& plan, store::Database& database);

/// What `status` says of one certificate, "edge.edge-external: ask for the next one within 12 days
/// (av@1 ends at ...)"; empty while that is more than `ahead` away.
std::string warning(const PlannedCertificate& planned, Time now, Duration ahead);

}  // namespace poolkey::requests
