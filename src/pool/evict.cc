#include "pool/evict.h"

#include <algorithm>

#include "base/file.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "keys/origin.h"
#include "pool/prove.h"
#include "pool/registry.h"
#include "pool/statement.h"

namespace poolkey::pool {
namespace {

std::string setting_of(const crypto::PublicKey& key) { return "evicted." + hex(key.spki_sha256()); }

void end_trust(keys::Context& context, const Member& member) {
  const hsm::Lease lease = context.token->lease();
  const auto turn = context.token->writing();
  const CK_OBJECT_HANDLE trusted = hsm::find_trusted_key(*lease, member.transport.value());
  if (trusted != CK_INVALID_HANDLE) hsm::destroy_object(*lease, trusted);
  context.token->module().sync();
}

void forget(keys::Context& context, const EvictionPlan& plan, const std::string& reason) {
  store::Database& database = context.database;
  store::Transaction transaction(database);
  database.run("DELETE FROM envelope WHERE pool = :pool AND member = :member",
               {{"pool", plan.pool.str()}, {"member", plan.member.name.str()}});
  database.run("UPDATE member SET state = 'evicted' WHERE pool = :pool AND name = :member",
               {{"pool", plan.pool.str()}, {"member", plan.member.name.str()}});
  const std::string note = rfc3339(context.clock.now()) + " " + plan.pool.str() + "/" +
                           plan.member.name.str() + ": " + reason;
  keys::set_setting(database, setting_of(plan.member.identity.value()), note);
  keys::set_setting(database, setting_of(plan.member.transport.value()), note);
  transaction.commit();
}

}  // namespace

EvictionPlan plan_eviction(store::Database& database, const PoolName& pool,
                           const MemberName& name) {
  for (const Member& gone : former_members(database, pool))
    if (gone.name == name)
      throw Error(Errc::kConflict, "member '" + name.str() + "' of pool '" + pool.str() +
                                       "' was evicted before; 'poolkey status' shows what it knew");
  EvictionPlan out{pool, member(database, pool, name), {}};
  if (!out.member.enrolled)
    throw Error(Errc::kConflict, "member '" + name.str() + "' of pool '" + pool.str() +
                                     "' is not enrolled and holds nothing; take it out of the "
                                     "topology");
  for (const auto& [whom, number] : newest_releases(database, pool))
    if (whom.first == name) out.held.push_back(whom.second);
  return out;
}

void evict(keys::Context& context, const Mailbox& mailbox, const EvictionPlan& plan,
           const std::string& reason) {
  const Member& m = plan.member;
  const std::string subject = plan.pool.str() + "/" + m.name.str();
  if (!plan.held.empty()) issue_challenges(context, mailbox, plan.pool, {m.name});
  store::Operation operation = context.journal.begin("member evict", subject, m.fingerprint);
  keys::record(context, "member evict", subject, "", &operation, [&]() -> json::object {
    post_last_statement(context, keys::DocumentSigner(context), mailbox, plan.pool, m, operation);
    operation.step("trust", [&]() -> std::string {
      end_trust(context, m);
      return "done";
    });
    operation.step("mailbox", [&]() -> std::string {
      for (const KeyVersion& key : plan.held)
        for (const char* kind : {"envelope.", "certificate."})
          remove_file(mailbox.to_member(plan.pool, m.name, kind + key.str() + ".cms"));
      return "done";
    });
    operation.step("record", [&]() -> std::string {
      forget(context, plan, reason);
      return "done";
    });
    json::array held;
    for (const KeyVersion& key : plan.held) held.emplace_back(key.str());
    return {{"reason", reason}, {"held", std::move(held)}};
  });
  inform_standbys(context, mailbox);
  operation.finish();
}

void settle_evictions(keys::Context& context, const Mailbox& mailbox) {
  for (const PoolName& pool : pools(context.database))
    for (const Member& gone : former_members(context.database, pool)) {
      const std::string subject = pool.str() + "/" + gone.name.str();
      for (const store::PendingOperation& left : context.journal.pending())
        if (left.verb == "member evict" && left.subject == subject) {
          inform_standbys(context, mailbox);
          context.journal.settle(left.verb, left.subject);
        }
    }
}

void expect_not_evicted(store::Database& database, const crypto::PublicKey& identity,
                        const crypto::PublicKey& transport) {
  for (const crypto::PublicKey& key : {identity, transport})
    if (const auto note = keys::setting(database, setting_of(key)))
      throw Error(Errc::kDenied, "a key of this request was evicted (" + *note +
                                     "); a member that comes back needs a new token, or new keys "
                                     "of its own in it");
}

}  // namespace poolkey::pool
