// Losing the origin: its backup, and its return from one.
#include "app/recovery.h"
#include "cli/command.h"
#include "keys/origin.h"
#include "pool/standby.h"

namespace poolkey::cli {
namespace {

namespace fs = std::filesystem;

json::object backup_json(const pool::CheckedBackup& backup) {
  json::array keys;
  for (const auto& key : backup.manifest.keys) keys.emplace_back(key.name.str());
  return {{"manifest_sha256", backup.sha256},
          {"made_at", backup.manifest.made_at},
          {"token_serial", backup.manifest.token_serial},
          {"audit_head",
           std::to_string(backup.manifest.audit_head.seq) + ":" + backup.manifest.audit_head.hash},
          {"keys", std::move(keys)}};
}

int origin_backup(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const fs::path out = fs::absolute(call.arguments.one("--out")).lexically_normal();
  side.open_token();
  const Pin pin = side.ask_pin(hsm::Role::kUser);
  const pool::CheckedBackup made = app::back_up_origin(side, out, pin);
  side.log_in(hsm::Role::kUser, pin);
  keys::checkpoint_origin(side.context());
  call.out.say("The origin is backed up in '" + out.string() +
               "': " + std::to_string(made.manifest.keys.size()) +
               " private keys, and each has signed in the copy.");
  call.out.say("SHA-256 of its manifest:");
  call.out.say("  " + made.sha256);
  call.out.say("The backup is as secret as the token: with it and the user's PIN every key can be");
  call.out.say(
      "used, and the PIN can be guessed without end. It holds no PIN; keep that elsewhere.");
  call.out.result(backup_json(made));
  call.out.result({{"backup", out.string()}});
  return 0;
}

int origin_restore(Call& call) {
  if (call.options.home.empty()) throw Error(Errc::kInvalidArgument, "give the new home by --home");
  const fs::path from = fs::absolute(call.arguments.one("--from")).lexically_normal();
  fs::path mailbox = call.arguments.one("--mailbox");
  if (!mailbox.empty()) mailbox = fs::absolute(mailbox);
  (void)pool::read_backup(from);  // told before a PIN is asked for
  const Pin pin =
      app::ask_pin(app::configuration_of(from, call.options.home), call.options, hsm::Role::kUser);
  const app::Restored restored = app::restore_origin(from, call.options, mailbox, pin);
  app::App side(call.options);
  side.open_token();
  side.log_in(hsm::Role::kUser, pin);
  keys::checkpoint_origin(side.context());
  const std::string made_at = restored.backup.manifest.made_at;
  call.out.say(restored.already
                   ? "'" + call.options.home.string() +
                         "' was restored from this backup before; "
                         "it was left as it is."
                   : "The origin of " + made_at + " is restored in '" + call.options.home.string() +
                         "': every private key has signed.");
  call.out.say("What happened after " + made_at + " is not in it: keys generated later are lost");
  call.out.say(
      "to the origin, members admitted later are unknown to it, and the audit log goes on");
  call.out.say("from entry " + std::to_string(restored.backup.manifest.audit_head.seq) +
               " of then. 'poolkey pool challenge' and 'pool collect' tell what the");
  call.out.say("members hold; keys that this origin does not know show as strays.");
  if (!side.config().witness.empty())
    call.out.say("The witness '" + side.config().witness.string() +
                 "' knows of later entries; keep it as evidence, and begin a new one.");
  if (!restored.already)
    call.out.say("Numbers go on far above those of the backup: " + json::compact(restored.floors));
  for (const std::string& dropped : restored.dropped)
    call.out.say("It was unfinished then and was dropped: " + dropped);
  call.out.result(backup_json(restored.backup));
  json::array dropped;
  for (const std::string& d : restored.dropped) dropped.emplace_back(d);
  call.out.result({{"home", call.options.home.string()},
                   {"already", restored.already},
                   {"floors", restored.floors},
                   {"dropped", std::move(dropped)}});
  return 0;
}

int standby_promote(Call& call) {
  if (!call.arguments.has("--origin-is-lost"))
    throw Error(Errc::kInvalidArgument,
                "two origins that release keys of one pool confuse its members: say by "
                "--origin-is-lost that the origin is lost for good; nothing was changed");
  app::App side(call.options);
  if (side.config().side == app::Side::kOrigin && pool::promoted(side.database())) {
    side.journal().settle("standby promote", pool::promoted(side.database())->str());
    call.out.say("This standby was promoted before; it is the origin.");
    call.out.result({{"already", true}});
    return 0;
  }
  side.require(app::Side::kStandby);
  side.open_token();
  pool::MemberSide standby = side.member();
  const pool::Promotion done = pool::promote(
      standby, [&](hsm::Role role) { side.log_in(role); },
      [&] {
        app::Config origin = side.config();
        origin.side = app::Side::kOrigin;
        origin.pool.reset();
        origin.member.reset();
        home::write_config(side.home(), origin);
      });
  side.checkpoint();
  call.out.say("This is the origin now, by the registry of " + done.registry_made_at + ".");
  call.out.say("Numbers go on far above the lost origin's: " + json::compact(done.floors));
  call.out.say("What the lost origin did later is not known here; 'poolkey pool challenge' and");
  call.out.say("'pool collect' tell what the members hold.");
  json::array missing;
  for (const KeyVersion& key : done.missing) {
    call.out.say(key.str() +
                 " is not in this token: its members go on with it, but it cannot be "
                 "released from here. Generate a new version.");
    missing.emplace_back(key.str());
  }
  call.out.say(
      "The root's key is gone with the lost origin: no further standby can be admitted, and");
  call.out.say(
      "no CA or signer certified under it. Plan a new root while these certificates last.");
  call.out.result({{"already", false},
                   {"registry_made_at", done.registry_made_at},
                   {"floors", done.floors},
                   {"missing", std::move(missing)}});
  return 0;
}

}  // namespace

std::span<const Command> origin_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"origin backup",
       "origin",
       "copy token, database and configuration, and prove the copy by every key",
       {{"--out", "DIR", "a new folder; as secret as the token", true}},
       origin_backup},
      {"origin restore",
       "origin",
       "make a new home (--home) from a backup",
       {{"--from", "DIR", "the backup", true},
        {"--mailbox", "DIR", "the mailbox, where it is not where it was"}},
       origin_restore},
      {"standby promote",
       "standby",
       "take the place of a lost origin (needs the SO PIN)",
       {{"--origin-is-lost", "", "required: the origin will not release keys again"}},
       standby_promote},
  };
  return commands;
}

}  // namespace poolkey::cli
