// Keys at the origin: generation, and the ceremony that releases them.
#include "app/view.h"
#include "base/file.h"
#include "cli/command.h"
#include "keys/generate.h"
#include "keys/origin.h"
#include "keys/possession.h"
#include "keys/reference.h"
#include "pool/deliver.h"
#include "pool/release.h"
#include "pool/statement.h"

namespace poolkey::cli {
namespace {

int key_generate(Call& call) {
  const std::string file = call.arguments.one("--policy");
  const policy::Policy policy = policy::parse_policy(read_file(file), file);
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const PoolName pool(call.arguments.one("--pool"));
  (void)pool::topology_of(side.database(), pool);
  const KeyName name(call.arguments.one("NAME"));
  side.use_token();
  const keys::StoredKey key = keys::generate(side.context(), name, pool, policy);
  call.out.say("Generated " + key.name.str() + " (" + key.public_key.algorithm() +
               ") in the origin's token under policy '" + policy.name() + "'.");
  call.out.say("  SPKI SHA-256 " + hex(key.public_key.spki_sha256()));
  call.out.result(app::key_view(key));
  return 0;
}

int key_list(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  std::vector<std::vector<std::string>> rows;
  json::array list;
  for (const PoolName& pool : pool::pools(side.database())) {
    const std::vector<KeyVersion> current =
        pool::in_force(side.database(), pool, side.context().clock.now());
    for (const keys::StoredKey& key : keys::keys_of_pool(side.database(), pool)) {
      const bool in_force = std::find(current.begin(), current.end(), key.name) != current.end();
      rows.push_back({key.name.str(), pool.str(), key.public_key.algorithm(), key.state,
                      in_force ? "yes" : "no", rfc3339(key.created)});
      json::object one = app::key_view(key);
      one["pool"] = pool.str();
      one["in_force"] = in_force;
      list.emplace_back(std::move(one));
    }
  }
  call.out.table({"KEY", "POOL", "ALGORITHM", "STATE", "IN FORCE", "GENERATED"}, rows);
  call.out.result({{"keys", std::move(list)}});
  return 0;
}

int key_release(Call& call) {
  app::App side(call.options);
  side.require(app::Side::kOrigin);
  const PoolName pool(call.arguments.one("--pool"));
  std::vector<KeyVersion> versions;
  for (const std::string& text : call.arguments.all("KEY"))
    versions.push_back(parse_key_version(text));
  side.open_token();
  const pool::ReleasePlan plan =
      pool::plan_release(side.context(), pool, versions, call.arguments.has("--standbys-only"));
  json::array members, keys;
  std::string names;
  for (const pool::Member& m : plan.members) {
    members.emplace_back(m.name.str());
    names += (names.empty() ? "" : ", ") + m.name.str();
  }
  json::array standbys;
  for (const pool::Member& s : plan.standbys) {
    standbys.emplace_back(s.name.str());
    names += (names.empty() ? "" : ", ") + s.name.str() + " (standby)";
  }
  for (const keys::StoredKey& key : plan.keys) keys.emplace_back(key.name.str());
  const bool dry_run = call.arguments.has("--dry-run");
  json::array strays;
  for (const std::string& spki : plan.stray_trusted) {
    call.out.say(
        "drift: the origin's token trusts a key that is no enrolled member's (SPKI SHA-256 " +
        spki + "). Nothing is wrapped for it; find out who imported it.");
    strays.emplace_back(spki);
  }
  for (const keys::StoredKey& key : plan.keys)
    call.out.say((dry_run ? "Would wrap " : "Wrapping ") + key.name.str() + " (" +
                 key.public_key.algorithm() + ") for " + names + " with " +
                 std::string(word(plan.suite)) + ".");
  call.out.result({{"pool", pool.str()},
                   {"keys", std::move(keys)},
                   {"members", std::move(members)},
                   {"standbys", std::move(standbys)},
                   {"suite", std::string(word(plan.suite))},
                   {"stray_trusted_keys", std::move(strays)},
                   {"dry_run", dry_run}});
  if (dry_run) return 0;
  const std::int64_t number = pool::release(side.context(), side.mailbox(), plan,
                                            [&](hsm::Role role) { side.log_in(role); });
  const crypto::Certificate root = keys::origin_root(side.database());
  call.out.say("Release " + std::to_string(number) +
               " is in the mailbox. Its envelopes are signed under the root with fingerprint");
  call.out.say("  " + fingerprint_text(root.sha256()));
  call.out.result({{"release", number}, {"root_sha256", hex(root.sha256())}});
  return 0;
}

/// What a reference needs to say of a key version, by what this side knows of it.
struct Referenced {
  crypto::PublicKey public_key;
  Bytes id;
};

Referenced referenced(app::App& side, const KeyVersion& name) {
  if (side.config().side == app::Side::kOrigin) {
    const keys::StoredKey key = keys::key(side.database(), name);
    return {key.public_key, key.id};
  }
  pool::MemberSide member = side.member();
  const pool::Statement statement = pool::held_statement(member);
  for (const pool::Statement::Version& v : statement.versions)
    if (v.key == name) return {v.public_key, v.id};
  throw Error(Errc::kNotFound, name.str() + " is not in this member's statement " +
                                   std::to_string(statement.sequence) +
                                   "; see 'poolkey member status'");
}

int key_reference(Call& call) {
  app::App side(call.options);
  const KeyVersion name = parse_key_version(call.arguments.one("KEY"));
  const std::filesystem::path file = std::filesystem::absolute(call.arguments.one("--out"));
  side.use_token();
  hsm::Token& token = *side.context().token;
  const Referenced key = referenced(side, name);
  {
    const hsm::Lease lease = token.lease();
    if (!keys::find_possessed(*lease, key.public_key, key.id))
      throw Error(Errc::kNotFound, name.str() + " is not in " + token.name().str() +
                                       "; nothing was written. A member gets it by 'poolkey member "
                                       "receive'");
  }
  // No secret is in it, and the program that reads it need not be the one that holds the home.
  write_file(file, keys::key_reference(token.name(), key.public_key, key.id), 0644);
  call.out.say("'" + file.string() + "' refers to " + name.str() + " in " + token.name().str() +
               ". It holds no secret, and no other key is loaded by it.");
  call.out.result({{"key", name.str()},
                   {"file", file.string()},
                   {"spki_sha256", hex(key.public_key.spki_sha256())}});
  return 0;
}

}  // namespace

std::span<const Command> key_commands() {
  static const auto& commands = *new std::vector<Command>{
      {"key generate",
       "origin",
       "generate the next version of a key under a policy",
       {{"NAME", "NAME", "name of the key", true},
        {"--pool", "POOL", "the pool it is for", true},
        {"--policy", "FILE", "its policy; kept with the version for good", true}},
       key_generate},
      {"key list", "origin", "show every key version", {}, key_list},
      {"key release",
       "origin",
       "the ceremony: wrap key versions for a pool's members (needs the SO PIN)",
       {{"KEY", "KEY@N", "key versions", true, true},
        {"--pool", "POOL", "the pool that receives them", true},
        {"--standbys-only", "", "for the standby origins that the keys' policies name"},
        {"--dry-run", "", "only say what would be wrapped for whom"}},
       key_release},
      {"key reference",
       "either",
       "write a file that stands for a key version, for programs that read key files only",
       {{"KEY", "KEY@N", "the key version", true},
        {"--out", "FILE", "the file, which is replaced at once", true}},
       key_reference},
  };
  return commands;
}

}  // namespace poolkey::cli
