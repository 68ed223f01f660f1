// What a module does differently, as one table. hsm/README.md says where each row comes from. How
// it wraps and what it enforces is in its profile. May touch: base. Called by: module (finds the
// row), and whoever must act on a quirk.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "hsm/cryptoki.h"

namespace poolkey::hsm {

struct Quirks {
  std::string_view profile;       ///< the row's name
  std::string_view manufacturer;  ///< prefix of CK_INFO.manufacturerID; empty: any
  /// Logins of several processes disturb each other, and creates race with finds: our processes
  /// take turns at C_Initialize + C_Login, create and destroy, by a lock on the module's
  /// configuration file.
  bool needs_process_lock = false;
  /// C_Login empties and rewrites token.object, so that a crash within it loses the token: a copy
  /// is kept before each (token_file.h).
  bool login_rewrites_token = false;
  /// A token that another process made, or whose files were away for a moment, is seen only after
  /// C_Finalize + C_Initialize.
  bool reload_before_missing = false;
  /// A token object is written attribute by attribute, so that a process killed in between leaves
  /// a husk of one: objects are made in the session and copied, which is one write.
  bool creates_in_pieces = false;
  /// Writes are not synced; the files lie below `directories.tokendir` of the configuration.
  bool sync_token_files = false;
  /// When the other end of its socket dies, the threads that wait inside for their turn are never
  /// woken: who shares it among threads lets in one at a time.
  bool one_thread_at_a_time = false;
};

/// What a module does, by CK_INFO.manufacturerID; the last row fits every module. What forwards to
/// another module tells that one's manufacturer, and is known by its file.
Quirks quirks_for(std::string_view manufacturer, const std::filesystem::path& file);

}  // namespace poolkey::hsm
