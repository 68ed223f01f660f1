// A backup of the origin: its token's files, its database and its configuration in one folder, with
// a manifest that a restore checks. May touch: keys and below. Called by: app, for `origin backup`
// and `origin restore`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "keys/context.h"
#include "keys/repository.h"

namespace poolkey::pool {

/// What a backup holds, as its manifest.json says.
struct BackupManifest {
  struct File {
    std::string path;    ///< relative to the backup
    std::string sha256;  ///< hex
  };
  struct Key {
    KeyVersion name;
    std::string spki_sha256;  ///< hex
  };
  std::string made_at, token_label, token_serial;
  audit::Head audit_head;  ///< of the log in the database that was copied
  std::vector<Key> keys;   ///< each has signed, in the copy
  std::vector<File> files;
};

/// The files' names in a backup.
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kManifestDigest = "manifest.sha256";  ///< as sha256sum writes it
inline constexpr const char* kBackupDatabase = "state.db";
inline constexpr const char* kBackupTokens = "tokens";

/// Copies the token's files and the database into `folder`, and `others` (whole paths) beside them:
/// the token under the processes' lock, the database while nobody writes to it. Nobody needs to be
/// logged in. Throws kUnsupported for a token that does not keep files of its own, kCorrupt if
/// token.object is damaged.
BackupManifest write_backup(keys::Context& context, const std::filesystem::path& folder,
                            const std::vector<std::filesystem::path>& others);

/// Throws kCorrupt naming each file that is missing, was changed, or does not belong there.
void check_backup_files(const std::filesystem::path& folder, const BackupManifest& manifest);

/// A backup whose files are all as its manifest says, and that manifest's SHA-256 in hex.
struct CheckedBackup {
  BackupManifest manifest;
  std::string sha256;
};
/// Throws kNotFound if the folder is no backup, and as check_backup_files().
CheckedBackup read_backup(const std::filesystem::path& folder);
/// Writes manifest.json and its digest beside it, and gives that in hex.
std::string write_manifest(const std::filesystem::path& folder, const BackupManifest& manifest);

/// Copies one file of a backup, which must still have this digest.
void copy_backup_file(const std::filesystem::path& from, const std::filesystem::path& to,
                      const std::string& sha256);

/// Every private key that this database says the token holds: the origin's own and those of pools.
std::vector<keys::StoredKey> keys_in_token(store::Database& database);

/// Has each of the keys sign in the token, and verifies with the public key on record; looks for
/// the trusted key of every enrolled member too. Throws kConflict naming all that are missing or do
/// not sign. `where` says in the sentence what token it is.
void prove_token(store::Database& database, hsm::Token& token, const std::string& where);

}  // namespace poolkey::pool
