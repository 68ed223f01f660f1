// Which key versions would outlive the loss of the origin's token.
// May touch: keys/repository, store. Called by: whoever asks the policy before a key is used, app.
#pragma once

#include "keys/repository.h"

namespace poolkey::pool {

/// A backup that a key version has signed in.
struct BackedUp {
  std::string at;               ///< RFC 3339
  std::string manifest_sha256;  ///< of that backup
};

/// The newest backup that the version was proven in; nothing if there is none.
std::optional<BackedUp> backed_up(store::Database& database, const KeyVersion& key);
void set_backed_up(store::Database& database, const KeyVersion& key, const BackedUp& backup);

/// True if the version was proven in a backup, so that the loss of the origin's token does not end
/// it.
bool safeguarded(store::Database& database, const KeyVersion& key);

}  // namespace poolkey::pool
