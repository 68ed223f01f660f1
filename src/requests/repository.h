// Requests, and what CAs sent back, in the database.
// May touch: store, crypto, pool. Called by: requests, cli.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "keys/context.h"
#include "keys/repository.h"
#include "requests/names.h"
#include "requests/state.h"

namespace poolkey::requests {

/// The topology that a pool was defined by. Throws kNotFound.
Topology topology_of(store::Database& database, const PoolName& pool);

struct StoredRequest {
  std::string id;
  PoolName pool;
  KeyVersion key;
  Role role = Role::kEdgeExternal;
  std::optional<MemberName> server{};  ///< where it is for one server
  std::string ca{};                    ///< as the topology calls it
  CaKind ca_kind = CaKind::kInternal;
  State state = State::kDrafted;
  std::string subject{};            ///< "CN=sip.contoso.com"
  std::vector<std::string> sans{};  ///< DNS names
  Bytes csr{};                      ///< DER; empty before it is signed
  Time created{};
  json::object details{};  ///< "findings", "approval", "batch", "route", "again"
  json::array history{};   ///< objects "state", "at", "by", "note", oldest first

  /// How it goes to its CA, as the topology said when it was made.
  Route route() const;
};

/// It has a PKCS#10.
inline bool is_signed(const StoredRequest& request) { return !request.csr.empty(); }

/// "edge.edge-external.av@1.internal", for one server "fe.front-end.fe1.fe1@1.internal"
std::string request_id(const PoolName& pool, Role role, const std::optional<MemberName>& server,
                       const KeyVersion& key, const std::string& ca);

std::optional<StoredRequest> look_up_request(store::Database& database, const std::string& id);
/// Those of these ids that there are.
std::map<std::string, StoredRequest> look_up_requests(store::Database& database,
                                                      const std::vector<std::string>& ids);
/// Throws kNotFound with the requests there are.
StoredRequest find_request(store::Database& database, const std::string& id);
/// All, or those of a pool, by id.
std::vector<StoredRequest> all_requests(store::Database& database,
                                        const std::optional<PoolName>& pool = std::nullopt);
std::vector<StoredRequest> requests_of_key(store::Database& database, const KeyVersion& key);

/// Adds a state to the history and makes it the request's own, in memory. Throws kConflict where
/// the state may not follow (state.h).
void advance(StoredRequest& request, State to, const keys::Context& context,
             const std::string& note = "");
/// The same at a time and by somebody that are given.
void advance(StoredRequest& request, State to, Time at, const std::string& by,
             const std::string& note);
/// Writes the request as it is, replacing what is stored under its id.
void put_request(store::Database& database, const StoredRequest& request);
/// The same for many, in the open transaction.
void put_requests(store::Database& database, store::Transaction& transaction,
                  std::span<const StoredRequest* const> requests);

/// Something that came from a CA.
struct Received {
  enum class Kind { kCertificate, kCa, kCrl };
  std::string sha256;
  Kind kind = Kind::kCertificate;
  std::string request;  ///< that it answers; empty: none
  Bytes der;
  std::string at{};  ///< RFC 3339, to the second; given by received()
};
/// False if it was there, for the same request.
bool put_received(store::Database& database, const Received& item, const std::string& file,
                  Time now);
std::vector<Received> received(store::Database& database, Received::Kind kind);
/// Certificates that answer a request, by the second in which they came.
std::vector<crypto::Certificate> answers(store::Database& database, const std::string& request);

}  // namespace poolkey::requests
