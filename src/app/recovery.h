// An origin that outlives its home: backed up, and restored elsewhere.
// May touch: everything below. Called by: cli, for `origin backup` and `origin restore`.
#pragma once

#include "app/app.h"
#include "pool/backup.h"

namespace poolkey::app {

/// Backs the origin up into `out`, which must not be there. The copy is proven before it is put in
/// place: it is opened with the user's PIN, and every private key on record signs in it. What
/// stands at `out` is a whole backup; run again after a crash it is made anew, or found in place
/// and recorded. The home's token is open afterwards with nobody logged in.
/// Throws kAlreadyExists, kUnsupported (no SoftHSM token), kConflict naming keys that do not sign.
pool::CheckedBackup back_up_origin(App& side, const std::filesystem::path& out, const Pin& pin);

/// What a restore did.
struct Restored {
  pool::CheckedBackup backup;
  bool already = false;                ///< an earlier run had done it
  json::object floors{};               ///< from which numbers go on
  std::vector<std::string> dropped{};  ///< operations that were unfinished when it was backed up
};

/// Restores a backup as the home of an origin, after every file was checked, and every private key
/// has signed. The numbers of releases, statements, challenges and key versions go on far above
/// those in the backup, because members refuse what they have seen. `mailbox` empty: as it was. Run
/// again after a crash it begins anew, or finds that all is done.
/// Throws kAlreadyExists naming what the home has, and as read_backup() and prove_token().
Restored restore_origin(const std::filesystem::path& from, const Options& options,
                        const std::filesystem::path& mailbox, const Pin& pin);

/// The configuration in a backup, its paths as they will be in `home`.
Config configuration_of(const std::filesystem::path& backup, const std::filesystem::path& home);

}  // namespace poolkey::app
