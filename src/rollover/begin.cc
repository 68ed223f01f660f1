#include "rollover/begin.h"

#include <algorithm>

#include "keys/force.h"
#include "pool/repository.h"
#include "rollover/facts.h"

namespace poolkey::rollover {
namespace {

/// The oldest version after `from` that is there and not compromised, else the next number.
KeyVersion successor(store::Database& database, const std::vector<keys::StoredKey>& versions,
                     const KeyVersion& from) {
  for (const keys::StoredKey& key : versions)
    if (key.name.version > from.version && !keys::is_over(key) && !is_exposed(database, key.name))
      return key.name;
  return {from.key, keys::newest_version(database, from.key) + 1};
}

/// Versions after the one in force that its members were given already.
std::uint32_t released_ahead(const std::vector<keys::StoredKey>& versions, const KeyVersion& from) {
  return static_cast<std::uint32_t>(std::ranges::count_if(versions, [&](const auto& key) {
    return key.name.version > from.version && !keys::is_over(key) && key.state != "generated";
  }));
}

/// True if the policy has certificates renewed for the key that is there, and a whole further one
/// ends within the key's life.
bool may_keep(keys::Context& context, const KeyVersion& name) {
  const keys::StoredKey key = keys::key(context.database, name);
  const policy::Policy policy = keys::policy_of(context.database, key);
  return policy.rollover().same_key.value &&
         context.clock.now() + policy.lifetime().certificate.value <=
             key.created + policy.lifetime().key.value;
}

}  // namespace

StoredRoll plan_roll(keys::Context& context, const Beginning& beginning) {
  store::Database& database = context.database;
  if (const auto running = running_roll(database, beginning.key))
    throw Error(Errc::kConflict, "the rollover '" + running->id + "' goes on for key '" +
                                     beginning.key.str() + "' (" +
                                     std::string(name(running->state)) +
                                     "); there is one at a time: advance it, or abort it");
  const auto versions = keys::versions_of(database, beginning.pool, beginning.key);
  const auto from = keys::in_force(database, versions, context.clock.now());
  if (!from)
    throw Error(Errc::kNotFound, "no version of key '" + beginning.key.str() + "' of pool '" +
                                     beginning.pool.str() +
                                     "' was released yet; 'poolkey status' shows its keys");
  const bool same = beginning.cause == Cause::kDue && may_keep(context, *from);
  const KeyVersion to = same ? *from : successor(database, versions, *from);
  return {.id = beginning.pool.str() + "." + to.str() + (same ? ".renewal" : ""),
          .pool = beginning.pool,
          .from = *from,
          .to = to,
          .cause = beginning.cause,
          .started = context.clock.now(),
          .reason = beginning.reason,
          .wanted = beginning.wanted,
          .old_not_after = certificates_end(database, *from),
          .deadline = beginning.deadline};
}

StoredRoll begin(keys::Context& context, const Beginning& beginning) {
  StoredRoll roll = plan_roll(context, beginning);
  keys::record(context, "rollover start", roll.id, "", nullptr, [&]() -> json::object {
    store::Transaction transaction(context.database);
    // One that was aborted had the same name; its record gives way.
    context.database.run("DELETE FROM rollover WHERE id = :id AND ended_at IS NOT NULL",
                         {{"id", roll.id}});
    insert_roll(context.database, roll);
    transaction.commit();
    return {{"from", roll.from.str()},
            {"to", roll.to.str()},
            {"cause", std::string(name(roll.cause))},
            {"reason", roll.reason}};
  });
  return roll;
}

std::vector<Upcoming> upcoming(keys::Context& context) {
  store::Database& database = context.database;
  std::vector<Upcoming> out;
  for (const PoolName& pool : pool::pools(database)) {
    std::vector<KeyName> names;
    for (const keys::StoredKey& key : keys::keys_of_pool(database, pool))
      if (names.empty() || names.back() != key.name.key) names.push_back(key.name.key);
    for (const KeyName& name : names) {
      if (running_roll(database, name)) continue;
      const auto versions = keys::versions_of(database, pool, name);
      const auto from = keys::in_force(database, versions, context.clock.now());
      if (!from) continue;
      const auto newest = keys::certificate_of(database, *from);
      const auto end = certificates_end(database, *from);
      if (!newest || !end) continue;
      Upcoming one{
          pool,
          *from,
          *end,
          newest->certificate.not_after() - newest->certificate.not_before(),
          {},
          {.released_ahead = released_ahead(versions, *from),
           .ahead = keys::policy_of(database, keys::key(database, *from)).ceremony().ahead.value,
           .same_key = may_keep(context, *from)},
          {}};
      for (const Needed& needed : needed_certificates(database, pool, *from, *from)) {
        one.lead.token_lifetime = std::max(one.lead.token_lifetime, needed.token_lifetime);
        one.lead.turnaround = std::max(one.lead.turnaround, needed.turnaround);
        one.lead.roll_out = std::max(one.lead.roll_out, needed.roll_out);
      }
      one.start = start_of(pool.str() + "." + name.str(), one.not_after, one.validity, one.lead,
                           !one.stock.same_key && one.stock.released_ahead == 0);
      out.push_back(std::move(one));
    }
  }
  return out;
}

}  // namespace poolkey::rollover
