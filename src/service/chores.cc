#include "service/chores.h"

#include <array>

#include "base/log.h"
#include "crypto/signature.h"
#include "keys/origin.h"
#include "keys/signer.h"
#include "pool/prove.h"
#include "requests/ca/revocation_list.h"
#include "rollover/advance.h"
#include "rollover/expose.h"
#include "rollover/repository.h"
#include "service/pool_work.h"

namespace poolkey::service {

void sign_and_verify(keys::Context& context) {
  const keys::StoredKey signer = keys::audit_signer(context.database);
  const crypto::EvpPkey key = keys::signing_key(context, policy::Usage::kAudit, signer);
  const std::string message = "poolkey readiness " + rfc3339(context.clock.now());
  const Bytes signature = crypto::sign(key.get(), "SHA384", view(message), context.library);
  if (!signer.public_key.verify("SHA384", view(message), signature))
    throw Error(Errc::kCorrupt, "the token's signature does not verify");
}

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// What was recorded since is vouched for by the token.
void sign_audit(app::App& side, Shared& /*shared*/) {
  if (side.context().audit.unsigned_entries() > 0) keys::checkpoint_origin(side.context());
}

void renew_lists(app::App& side, Shared& /*shared*/) {
  for (const requests::CrlMade& made :
       requests::make_crls(side.context(), requests::ca_config(side.database())))
    if (!made.refused.empty())
      log("service").error("no revocation list for {}: {}", made.ca.str(), made.refused);
}

/// Dates come without anybody asking.
void advance_rollovers(app::App& side, Shared& /*shared*/) {
  for (const rollover::StoredRoll& roll :
       rollover::begin_necessary(side.context(), side.mailbox(), true))
    log("service").info("rollover '{}' begins: {}", roll.id, roll.reason);
  for (const rollover::StoredRoll& roll : rollover::all_rolls(side.database()))
    if (!roll.ended) (void)rollover::advance(side.context(), side.mailbox(), roll.id);
}

void forget_old(app::App& side, Shared& /*shared*/) {
  Idempotency::forget_old(side.database(), side.context().clock.now());
  forget_quotas(side.database(), side.context().clock.now());
}

/// A token that has lost its sessions is noticed before somebody asks for a signature.
void try_token(app::App& side, Shared& shared) {
  try {
    sign_and_verify(side.context());
  } catch (const Error&) {
    shared.report_token_trouble();
    throw;
  }
}

constexpr std::array kChores{
    Chore{"have the token sign", seconds(15), try_token},
    Chore{"sign the audit log", seconds(10), sign_audit},
    Chore{"pool work", seconds(1), do_pool_work},
    Chore{"advance rollovers", minutes(1), advance_rollovers},
    Chore{"renew revocation lists", hours(1), renew_lists},
    Chore{"forget old answers", hours(1), forget_old},
};

}  // namespace

std::span<const Chore> chores() { return kChores; }

}  // namespace poolkey::service
