#include "app/recovery.h"

#include <cstdlib>

#include "app/softhsm.h"
#include "base/file.h"
#include "home/pin.h"
#include "keys/number.h"
#include "pool/safeguard.h"

namespace poolkey::app {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVerb = "origin backup";
constexpr const char* kConfiguration = "poolkey.toml";
constexpr const char* kSoftHsm = "softhsm2.conf";
constexpr const char* kRestoredFrom = "restored.from";

/// Beside the configuration files a home may have a profile of its module.
constexpr std::array kOthers{kConfiguration, "profile.toml", "profile.json"};

bool is_pending(store::Journal& journal, const std::string& subject) {
  for (const store::PendingOperation& operation : journal.pending())
    if (operation.verb == kVerb && operation.subject == subject) return true;
  return false;
}

std::vector<fs::path> other_files(const App& side) {
  std::vector<fs::path> out;
  for (const char* name : kOthers)
    if (fs::exists(side.home() / name)) out.push_back(side.home() / name);
  return out;
}

/// Has every key on record sign in a copy of the token that the module knows now.
void prove_copy(const std::shared_ptr<hsm::Module>& module, const pool::BackupManifest& manifest,
                const Pin& pin, store::Database& database, const fs::path& copy) {
  const auto token = hsm::Token::open(module, {manifest.token_label, manifest.token_serial});
  token->login(hsm::Role::kUser, pin);
  pool::prove_token(database, *token, "the copy in '" + copy.string() + "'");
}

/// A softhsm2.conf by which the module knows the tokens of a copy; it goes with the object.
class ProofConfiguration {
 public:
  ProofConfiguration(const fs::path& folder, const std::string& softhsm)
      : file_(folder / "proof.conf") {
    write_file(file_, with_token_folder(softhsm, folder / pool::kBackupTokens), 0600);
  }
  ProofConfiguration(const ProofConfiguration&) = delete;
  ProofConfiguration& operator=(const ProofConfiguration&) = delete;
  ~ProofConfiguration() {
    std::error_code ignored;
    fs::remove(file_, ignored);
  }
  const fs::path& file() const { return file_; }

 private:
  fs::path file_;
};

/// Puts back each file of the token that is not as the manifest says, from `kept`, and removes what
/// the login made besides.
void forget_login(const fs::path& tokens, const std::vector<std::pair<fs::path, Bytes>>& kept) {
  std::vector<fs::path> extra;
  for (const auto& entry : fs::recursive_directory_iterator(tokens)) {
    const auto known = std::find_if(kept.begin(), kept.end(),
                                    [&](const auto& k) { return k.first == entry.path(); });
    if (!entry.is_directory() && known == kept.end()) extra.push_back(entry.path());
  }
  for (const fs::path& file : extra) remove_file(file);
  for (const auto& [file, content] : kept)
    if (file.filename() == "token.object") write_file(file, ByteView(content), 0600);
}

std::vector<std::pair<fs::path, Bytes>> contents(const fs::path& folder) {
  std::vector<std::pair<fs::path, Bytes>> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (!entry.is_directory()) out.emplace_back(entry.path(), to_bytes(read_file(entry.path())));
  return out;
}

/// Copies everything into the folder, proves it there, and writes the manifest.
std::string make_backup(App& side, const fs::path& folder, const Pin& pin) {
  const std::string softhsm = read_file(hsm::softhsm_configuration());
  write_file(folder / kSoftHsm, softhsm, 0600);
  const pool::BackupManifest manifest =
      pool::write_backup(side.context(), folder, other_files(side));
  const fs::path tokens = folder / pool::kBackupTokens;
  const auto kept = contents(tokens);
  {
    const ProofConfiguration proof(folder, softhsm);
    side.with_configuration(proof.file(), [&](const std::shared_ptr<hsm::Module>& module) {
      prove_copy(module, manifest, pin, side.database(), folder);
    });
  }
  forget_login(tokens, kept);
  pool::check_backup_files(folder, manifest);
  return pool::write_manifest(folder, manifest);
}

void refuse_occupied(const fs::path& home) {
  std::string there;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(home, missing))
    there += (there.empty() ? "'" : ", '") + entry.path().filename().string() + "'";
  if (!there.empty())
    throw Error(Errc::kAlreadyExists,
                "'" + home.string() + "' is not empty (it has " + there +
                    "); a token or database is never overwritten: restore to a new home");
}

/// True if the home is this very backup, restored.
bool was_restored(const fs::path& home, const std::string& manifest) {
  if (!home::has_config(home) || !fs::exists(home / pool::kBackupDatabase)) return false;
  auto database = store::Database::open(home / pool::kBackupDatabase);
  return keys::setting(database, kRestoredFrom) == manifest;
}

fs::path moved(const fs::path& path, const fs::path& from, const fs::path& to) {
  const fs::path within = path.lexically_relative(from);
  return within.empty() || *within.begin() == ".." ? path : to / within;
}

/// What the database must know from now on, in one transaction that comes after the intent.
void take_over(store::Database& database, const pool::CheckedBackup& backup, Restored& out) {
  SystemClock clock;
  store::Journal journal(database);
  audit::Chain audit(database, clock);
  audit::Scope scope(audit, {.actor = current_actor(),
                             .verb = "origin restore",
                             .subject = backup.manifest.token_label,
                             .detail = {{"manifest_sha256", backup.sha256},
                                        {"backup_made_at", backup.manifest.made_at},
                                        {"backup_audit_seq", backup.manifest.audit_head.seq},
                                        {"backup_audit_head", backup.manifest.audit_head.hash}}});
  scope.succeed(scope.run([&]() -> json::object {
    json::array dropped;
    store::Transaction transaction(database);
    // What was being done then has been done since, by numbers that must not be used twice.
    for (const store::PendingOperation& operation : journal.pending()) {
      journal.settle(operation.verb, operation.subject);
      if (operation.verb == kVerb) continue;
      out.dropped.push_back(operation.verb + " " + operation.subject);
      dropped.emplace_back(out.dropped.back());
    }
    out.floors = keys::raise_floors(database, clock.now());
    for (const auto& key : backup.manifest.keys)
      pool::set_safeguard(database, key.name, {backup.manifest.made_at, "backup " + backup.sha256});
    keys::set_setting(database, kRestoredFrom, backup.sha256);
    transaction.commit();
    return {{"floors", out.floors}, {"dropped", std::move(dropped)}};
  }));
}

}  // namespace

pool::CheckedBackup back_up_origin(App& side, const fs::path& out, const Pin& pin) {
  keys::Context& context = side.context();
  const std::string subject = out.string();
  if (fs::exists(out) && !is_pending(side.journal(), subject))
    throw Error(Errc::kAlreadyExists,
                "'" + subject + "' is there already; a backup is never overwritten");
  // A copy that was not put in place is not trusted, but made anew.
  if (!fs::exists(out)) side.journal().settle(kVerb, subject);
  store::Operation operation = side.journal().begin(kVerb, subject);
  std::optional<StagedFolder> staged;
  keys::record(context, kVerb, subject, "", &operation, [&]() -> json::object {
    const std::string digest = operation.step("copy", [&] {
      staged.emplace(out);
      return make_backup(side, staged->path(), pin);
    });
    operation.step("place", [&]() -> std::string {
      if (staged) staged->put_in_place();
      return "done";
    });
    if (pool::read_backup(out).sha256 != digest)
      throw Error(Errc::kConflict,
                  "'" + subject + "' is another backup than the one that was made");
    return {{"manifest_sha256", digest}};
  });
  pool::CheckedBackup made = pool::read_backup(out);
  operation.step("record", [&]() -> std::string {
    store::Transaction transaction(context.database);
    for (const auto& key : made.manifest.keys)
      pool::set_safeguard(context.database, key.name,
                          {made.manifest.made_at, "backup " + made.sha256});
    transaction.commit();
    return "done";
  });
  operation.finish();
  return made;
}

Config configuration_of(const fs::path& backup, const fs::path& home) {
  Config out = home::read_config(backup);
  for (fs::path* path : {&out.module, &out.mailbox, &out.witness})
    *path = moved(*path, backup, home);
  out.softhsm2_conf = home / kSoftHsm;
  out.service.reset();  // its token is not in a backup; 'service init' makes another
  return out;
}

Restored restore_origin(const fs::path& from, const Options& options, const fs::path& mailbox,
                        const Pin& pin) {
  const fs::path& home = options.home;
  Restored out{pool::read_backup(from)};
  const pool::BackupManifest& manifest = out.backup.manifest;
  if (was_restored(home, out.backup.sha256)) {
    out.already = true;
    return out;
  }
  refuse_occupied(home);
  Config config = configuration_of(from, home);
  if (!mailbox.empty()) config.mailbox = mailbox;
  if (!options.pin.empty()) config.pin_source = home::absolute_pin_source(options.pin);
  StagedFolder staged(home);
  for (const pool::BackupManifest::File& file : manifest.files)
    pool::copy_backup_file(from / file.path, staged.path() / file.path, file.sha256);
  const std::string softhsm = read_file(staged.path() / kSoftHsm);
  {
    auto database = store::Database::open(staged.path() / pool::kBackupDatabase);
    database.check();
    const ProofConfiguration proof(staged.path(), softhsm);
    Config proven = config;
    proven.softhsm2_conf = proof.file();
    prove_copy(load_module(proven, options), manifest, pin, database, from);
    take_over(database, out.backup, out);
  }
  write_file(staged.path() / kSoftHsm, with_token_folder(softhsm, home / pool::kBackupTokens),
             0600);
  home::write_config(staged.path(), config);
  staged.put_in_place();
  return out;
}

}  // namespace poolkey::app
