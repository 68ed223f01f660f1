#include "pool/retire.h"

#include "hsm/key_pair.h"
#include "hsm/object.h"
#include "pool/deliver.h"
#include "pool/in_use.h"
#include "pool/pair.h"

namespace poolkey::pool {
namespace {

bool has_objects(MemberSide& side, const Bytes& id) {
  const hsm::Lease lease = side.context.token->lease();
  hsm::Template wanted;
  wanted.set(CKA_ID, ByteView(id));
  return !hsm::find_objects(*lease, std::move(wanted)).empty();
}

/// Since when another version of the key is in force instead, by what this member was told.
std::optional<Duration> superseded_for(const Statement& held, const KeyVersion& key, Time now) {
  for (const Statement::Version& v : held.versions)
    if (v.key.key == key.key && v.key != key && v.effective && home::is_in_force(held, v, now))
      return now - *v.effective;
  return std::nullopt;
}

policy::Permit destroy_permit(MemberSide& side, const Statement& held,
                              const Statement::Version& version) {
  policy::Facts facts{.action = policy::Action::kDestroy,
                      .key = version.key,
                      .pool = side.pool,
                      .member = side.name};
  facts.compromised = version.retired != "superseded";
  facts.superseded_for = superseded_for(held, version.key, side.context.clock.now());
  return keys::permit(side.context, accepted_policy(side, version.key), facts);
}

void destroy(MemberSide& side, const Statement& held, const Statement::Version& version) {
  policy::Permit allowed = destroy_permit(side, held, version);
  allowed.require(policy::Action::kDestroy, version.key.str(), side.name.str());
  store::Operation operation =
      side.context.journal.begin("member retire", version.key.str(), hex(version.id));
  keys::record(side.context, "member retire", version.key.str(), allowed.rule(), &operation,
               [&]() -> json::object {
                 operation.step("files", [&]() -> std::string {
                   remove_pairs(side.state_folder.parent_path() / "tls", version.key);
                   return "done";
                 });
                 operation.step("objects", [&]() -> std::string {
                   return std::to_string(hsm::destroy_by_id(*side.context.token, version.id));
                 });
                 return {{"why", version.retired}};
               });
  operation.finish();
}

}  // namespace

std::vector<Retired> destroy_retired(MemberSide& side) {
  const Statement held = held_statement(side);
  std::vector<Retired> out;
  for (const Statement::Version& version : held.versions) {
    if (version.retired.empty()) continue;
    Retired one{.key = version.key};
    if (has_objects(side, version.id)) {
      try {
        destroy(side, held, version);
        one.destroyed = true;
      } catch (const Error& error) {
        if (error.code() != Errc::kDenied) throw;
        one.kept = error.what();
      }
    } else {
      side.context.journal.settle("member retire", version.key.str());
    }
    one.in_use = processes_using(side.state_folder, version.id);
    if (one.in_use.empty() && one.kept.empty()) end_use(side.state_folder, version.id);
    if (one.destroyed || !one.kept.empty() || !one.in_use.empty()) out.push_back(std::move(one));
  }
  return out;
}

}  // namespace poolkey::pool
