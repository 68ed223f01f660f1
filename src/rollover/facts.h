// What is known of a rollover: its record, the members' receipts, the CAs' answers.
// May touch: rollover's repository and judge, requests and below. Called by: advance, cli.
#pragma once

#include "keys/context.h"
#include "requests/repository.h"
#include "rollover/judge.h"
#include "rollover/repository.h"

namespace poolkey::rollover {

/// Certificates of the pool that the old version serves with, as the topology has them now, by
/// their roles and CAs.
struct Needed {
  policy::Role role;
  std::string ca;
  std::string request;  ///< the id that the new version's has, or will have
  Duration token_lifetime;
  Duration turnaround;
  Duration roll_out;
};
std::vector<Needed> needed_certificates(store::Database& database, const PoolName& pool,
                                        const KeyVersion& from, const KeyVersion& to);

/// What CAs sent for a request since the roll began, and a digest of it.
struct Answers {
  std::vector<crypto::Certificate> certificates;
  std::string sha256;
};
Answers answers_to(store::Database& database, const StoredRoll& roll, const std::string& request);
/// True if the request has the certificate that the roll needs.
bool is_accepted(store::Database& database, const StoredRoll& roll,
                 const requests::StoredRequest& request);

/// When the certificate of this version ends that ends first; nothing where it has none.
std::optional<Time> certificates_end(store::Database& database, const KeyVersion& key);

/// Reads the database; opens no token.
Facts facts_of(keys::Context& context, const StoredRoll& roll);

}  // namespace poolkey::rollover
