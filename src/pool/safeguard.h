// Which key versions would outlive the loss of the origin's token.
// May touch: keys/repository, store. Called by: whoever asks the policy before a key is used, app.
#pragma once

#include "keys/repository.h"

namespace poolkey::pool {

/// Where else than in the origin's token a key version has signed.
struct Safeguard {
  std::string at;  ///< RFC 3339
  std::string by;  ///< "backup SHA256-OF-ITS-MANIFEST", or "standby NAME" where that was promoted
};

/// What is on record beside the standbys' receipts; nothing if the version was never proven so.
std::optional<Safeguard> safeguard(store::Database& database, const KeyVersion& key);
void set_safeguard(store::Database& database, const KeyVersion& key, const Safeguard& safeguard);

/// The version's private key is not in this origin's token, though the version is on record: the
/// root of an origin that a standby has taken the place of.
void set_elsewhere(store::Database& database, const KeyVersion& key);
bool is_elsewhere(store::Database& database, const KeyVersion& key);

/// The version was born in the token of an origin that this one, a standby then, took the place of.
void set_inherited(store::Database& database, const KeyVersion& key);
bool is_inherited(store::Database& database, const KeyVersion& key);

/// True if the version was proven in a backup, or by a standby that has not said since that it
/// is absent: so the loss of the origin's token does not end it.
bool safeguarded(store::Database& database, const KeyVersion& key);

}  // namespace poolkey::pool
