#include "pool/backup.h"

#include <algorithm>

#include "base/file.h"
#include "crypto/digest.h"
#include "hsm/token_file.h"
#include "hsm/wrap.h"
#include "keys/possession.h"
#include "pool/repository.h"
#include "pool/safeguard.h"

namespace poolkey::pool {
namespace {

namespace fs = std::filesystem;

constexpr const char* kContext = "poolkey origin backup v1";
/// A database grows with its audit log; nothing else here does.
constexpr std::size_t kMaxBackupFile = std::size_t{1} << 30;

std::string digest_of(ByteView content) { return hex(crypto::sha256(content)); }

/// Everything in a folder, by paths relative to it.
std::vector<std::string> files_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_directory()) out.push_back(fs::relative(entry.path(), folder).string());
  std::sort(out.begin(), out.end());
  return out;
}

/// What SoftHSM reads: objects, their locks and the generation number. The locks are empty, but an
/// object without one cannot be destroyed. Our copy of token.object is made before each login.
bool belongs_to_token(const fs::path& file) {
  return file.extension() == ".object" || file.extension() == ".lock" ||
         file.filename() == "generation";
}

void copy_token(const fs::path& from, const fs::path& to) {
  make_private_folder(to);
  for (const auto& entry : fs::directory_iterator(from)) {
    if (!belongs_to_token(entry.path())) continue;
    const std::string content = read_file(entry.path());
    if (entry.path().filename() == "token.object" && !hsm::is_whole_token_file(view(content)))
      throw Error(Errc::kCorrupt, "'" + entry.path().string() +
                                      "' is damaged, as a crash within a login leaves it; run "
                                      "'poolkey token repair', then back up");
    write_file(to / entry.path().filename(), content, 0600);
  }
  if (!fs::exists(to / "token.object"))
    throw Error(Errc::kCorrupt, "'" + from.string() + "' has no token.object: it is no token");
}

fs::path folder_of_token(const hsm::Token& token) {
  const fs::path folder = hsm::token_folder(token.module(), token.info().serial);
  if (folder.empty())
    throw Error(Errc::kUnsupported,
                token.name().str() +
                    " does not keep its keys in files that could be copied (only "
                    "SoftHSM does); use its vendor's backup, or a standby origin");
  return folder;
}

/// The line by which `sha256sum -c` checks the manifest.
std::string digest_line(const std::string& digest) { return digest + "  " + kManifestFile + "\n"; }

json::object to_json(const BackupManifest& m) {
  json::array keys, files;
  for (const auto& k : m.keys)
    keys.emplace_back(json::object{{"key", k.name.str()}, {"spki_sha256", k.spki_sha256}});
  for (const auto& f : m.files)
    files.emplace_back(json::object{{"path", f.path}, {"sha256", f.sha256}});
  return {{"context", kContext},           {"made_at", m.made_at},
          {"token_label", m.token_label},  {"token_serial", m.token_serial},
          {"audit_seq", m.audit_head.seq}, {"audit_head", m.audit_head.hash},
          {"keys", std::move(keys)},       {"files", std::move(files)}};
}

/// A path that stays within the backup.
std::string checked_path(std::string path) {
  const fs::path p(path);
  if (p.is_absolute() || p.empty() || p != p.lexically_normal() || *p.begin() == "..")
    throw Error(Errc::kCorrupt, "the manifest names '" + path + "', which is outside of a backup");
  return path;
}

BackupManifest parse_manifest(std::string_view content, const std::string& what) {
  const json::value root = json::parse(content, what);
  const json::object& o = json::as_object(root, what);
  if (json::text(o, "context", what) != kContext)
    throw Error(Errc::kCorrupt, "'" + what + "' is not the manifest of an origin's backup");
  BackupManifest out;
  out.made_at = json::text(o, "made_at", what);
  out.token_label = json::text(o, "token_label", what);
  out.token_serial = json::text(o, "token_serial", what);
  out.audit_head = {json::integer(o, "audit_seq", what), json::text(o, "audit_head", what)};
  for (const json::value& v : json::as_array(o, "keys", what)) {
    const json::object& k = json::as_object(v, what);
    out.keys.push_back(
        {parse_key_version(json::text(k, "key", what)), json::text(k, "spki_sha256", what)});
  }
  for (const json::value& v : json::as_array(o, "files", what)) {
    const json::object& f = json::as_object(v, what);
    out.files.push_back({checked_path(json::text(f, "path", what)), json::text(f, "sha256", what)});
  }
  return out;
}

}  // namespace

std::vector<keys::StoredKey> keys_in_token(store::Database& database) {
  std::vector<keys::StoredKey> out;
  for (const store::Row& row :
       database.rows("SELECT key_name, version FROM key_version ORDER BY key_name, version")) {
    const KeyVersion name{KeyName(row.text("key_name")),
                          static_cast<std::uint32_t>(row.integer("version"))};
    if (!is_elsewhere(database, name)) out.push_back(keys::key(database, name));
  }
  return out;
}

BackupManifest write_backup(keys::Context& context, const fs::path& folder,
                            const std::vector<fs::path>& others) {
  const hsm::Token& token = *context.token;
  const fs::path token_folder = folder_of_token(token);
  BackupManifest out;
  out.made_at = rfc3339(context.clock.now());
  out.token_label = token.info().label;
  out.token_serial = token.info().serial;
  {
    const auto turn = token.writing();
    // A connection of its own keeps others from writing, so that the copy is of exactly this head.
    auto holding = store::Database::open(context.database.path());
    const store::Transaction still(holding);
    out.audit_head = audit::Chain(holding, context.clock).head();
    for (const keys::StoredKey& key : keys_in_token(holding))
      out.keys.push_back({key.name, hex(key.public_key.spki_sha256())});
    context.database.copy_to(folder / kBackupDatabase);
    copy_token(token_folder, folder / kBackupTokens / token_folder.filename());
  }
  for (const fs::path& other : others)
    write_file(folder / other.filename(), read_file(other), 0600);
  for (const std::string& file : files_in(folder))
    out.files.push_back({file, digest_of(view(read_file(folder / file, kMaxBackupFile)))});
  return out;
}

void check_backup_files(const fs::path& folder, const BackupManifest& manifest) {
  std::string faults;
  std::vector<std::string> there = files_in(folder);
  std::erase(there, kManifestFile);
  std::erase(there, kManifestDigest);
  for (const BackupManifest::File& file : manifest.files) {
    if (std::erase(there, file.path) == 0)
      faults += "\n  '" + file.path + "' is missing";
    else if (digest_of(view(read_file(folder / file.path, kMaxBackupFile))) != file.sha256)
      faults += "\n  '" + file.path + "' was changed";
  }
  for (const std::string& stranger : there)
    faults += "\n  '" + stranger + "' does not belong there";
  if (!faults.empty())
    throw Error(Errc::kCorrupt, "the backup '" + folder.string() +
                                    "' is not as its manifest says; use another one:" + faults);
}

CheckedBackup read_backup(const fs::path& folder) {
  const fs::path file = folder / kManifestFile;
  if (!fs::exists(file))
    throw Error(Errc::kNotFound,
                "'" + folder.string() + "' is no backup of an origin: it has no " + kManifestFile);
  const std::string content = read_file(file);
  const fs::path digest = folder / kManifestDigest;
  if (!fs::exists(digest) || read_file(digest) != digest_line(digest_of(view(content))))
    throw Error(Errc::kCorrupt, "'" + file.string() + "' is not as '" + digest.string() +
                                    "' says; use another backup");
  CheckedBackup out{parse_manifest(content, file.string()), digest_of(view(content))};
  check_backup_files(folder, out.manifest);
  return out;
}

std::string write_manifest(const fs::path& folder, const BackupManifest& manifest) {
  const std::string content = json::pretty(to_json(manifest));
  write_file(folder / kManifestFile, content, 0600);
  const std::string digest = digest_of(view(content));
  write_file(folder / kManifestDigest, digest_line(digest), 0600);
  return digest;
}

void copy_backup_file(const fs::path& from, const fs::path& to, const std::string& sha256) {
  const std::string content = read_file(from, kMaxBackupFile);
  if (digest_of(view(content)) != sha256)
    throw Error(Errc::kCorrupt, "'" + from.string() + "' changed while it was read");
  make_private_folder(to.parent_path());
  write_file(to, content, 0600);
}

void prove_token(store::Database& database, hsm::Token& token, const std::string& where) {
  const hsm::Lease lease = token.lease();
  std::string faults;
  for (const keys::StoredKey& key : keys_in_token(database)) {
    bool signs = false;
    std::string why = "it is missing, or does not sign";
    try {
      signs = keys::find_possessed(*lease, key.public_key, key.id).has_value();
    } catch (const Error& error) {
      why = error.what();
    }
    if (!signs) faults += "\n  the private key " + key.name.str() + ": " + why;
  }
  for (const PoolName& pool : pools(database))
    for (const Member& m : members(database, pool))
      if (m.enrolled && hsm::find_trusted_key(*lease, *m.transport) == CK_INVALID_HANDLE)
        faults += "\n  the trusted key of member '" + m.name.str() + "' of pool '" + pool.str() +
                  "': it is missing";
  if (!faults.empty())
    throw Error(Errc::kConflict, where + " does not hold all that is on record:" + faults);
}

}  // namespace poolkey::pool
