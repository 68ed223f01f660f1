#include "service/pool_work.h"

#include <map>

#include "base/log.h"
#include "pool/survey.h"
#include "rollover/advance.h"
#include "rollover/expose.h"
#include "rollover/repository.h"

namespace poolkey::service {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kShare = 10;  // one part work, nine parts rest

void work_on(app::App& side, const PoolName& pool) {
  for (const pool::Repair& repair :
       pool::reconcile(side.context(), side.mailbox(), pool, /*dry_run=*/false))
    log("service").warn("{}/{} has lost {}; its envelope is queued again", pool.str(),
                        repair.member.str(), repair.key.str());
  for (const std::string& destroyed : rollover::note_destructions(side.context()))
    log("service").info("proven: the evicted member {} is destroyed there", destroyed);
  for (const rollover::StoredRoll& roll : rollover::all_rolls(side.database()))
    if (!roll.ended && roll.pool == pool)
      (void)rollover::advance(side.context(), side.mailbox(), roll.id);
}

}  // namespace

void do_pool_work(app::App& side, Shared& shared) {
  static std::map<PoolName, Clock::time_point> rests_until;  // only the chores' thread comes here
  for (const PoolName& pool : shared.take_pool_work()) {
    const auto begun = Clock::now();
    if (begun < rests_until[pool]) {
      shared.wake_pool_work(pool);
      continue;
    }
    try {
      work_on(side, pool);
    } catch (const Error& error) {
      log("service").error("pool '{}': {}", pool.str(), error.what());
      if (is_retryable(error.code())) shared.wake_pool_work(pool);
    }
    const auto ended = Clock::now();
    rests_until[pool] = ended + kShare * (ended - begun);
  }
}

}  // namespace poolkey::service
