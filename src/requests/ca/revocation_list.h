// The CRLs of this origin's CA keys: when each is due, its making, and the files for relying
// parties. May touch: requests/ca/config and below. Called by: requests/ca, cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keys/issued.h"
#include "keys/origin.h"
#include "requests/ca/config.h"

namespace poolkey::requests {

/// One CA key and its CRL.
struct CrlState {
  keys::OriginSigner ca;
  std::optional<crypto::Crl> crl;  ///< the newest
  Time due{};                      ///< when the next one is to be made
  std::string why{};               ///< it is due now, and this is why; empty: it is not
  bool overdue = false;            ///< the newest has ended, or there is none though one is due
};

/// All CA keys that relying parties may still ask about, the roots first: their certificates have
/// not ended, and their private keys are in this origin. Left out are those that a newer version
/// has replaced, that issued nothing revoked, and whose policy lets them sign no CRL.
std::vector<CrlState> crl_states(store::Database& database, const CaConfig& config, Time now);

/// Made, or why not: one CA key cannot keep the others from having theirs.
struct CrlMade {
  KeyVersion ca;
  std::string number{};   ///< of the new list; empty where none was made
  std::size_t size = 0;   ///< of its entries
  std::string why{};      ///< it was due
  std::string refused{};  ///< it could not be made: the sentence
};

/// Makes every list that is due, or all of them with `force`.
std::vector<CrlMade> make_crls(keys::Context& context, const CaConfig& config, bool force = false);

/// A CA key (or the responder's) for what says who is revoked, and the rule that allows it. Throws
/// kDenied, naming what to do where its policy was written before there was that usage.
struct RevocationKey {
  crypto::EvpPkey key;
  std::string rule;
};
RevocationKey revocation_key(keys::Context& context, const keys::StoredKey& key);

}  // namespace poolkey::requests
