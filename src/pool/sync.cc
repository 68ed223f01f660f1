#include "pool/sync.h"

#include <functional>

#include "pool/recipient.h"

namespace poolkey::pool {
namespace {

/// What a part cannot do is said, and the other parts are done all the same.
void part(Synced& out, const std::function<void()>& act) {
  if (out.stopped) return;
  try {
    act();
  } catch (const Error& error) {
    if (error.code() == Errc::kNotFound) return;  // nothing of its kind is in the mailbox
    if (error.code() == Errc::kAuthFailed || error.code() == Errc::kUnavailable)
      out.stopped = error;
    else
      out.troubles.push_back(error);
  }
}

}  // namespace

Synced synchronize(MemberSide& side, const Hook& hook, bool answer) {
  Synced out;
  out.deliveries = receive(side);
  part(out, [&] { out.retired = destroy_retired(side); });
  if (!is_standby(side.pool))
    part(out, [&] {
      out.installed = install_certificates(side);
      out.reloaded = reload_programs(side, hook.words, hook.limit);
    });
  if (answer) part(out, [&] { out.receipts = answer_challenge(side); });
  return out;
}

}  // namespace poolkey::pool
