// What is the same for every call before its handler: who asks, how much has been asked, whether it
// is allowed by which rule; and the record of all that. May touch: app, policy. Called by: the
// dispatcher.
#pragma once

#include "service/identity.h"
#include "service/router.h"

namespace poolkey::service {

/// Who asks, and by which rule of the access policy.
struct Admitted {
  Identity identity;
  std::string rule;
};

/// Lets a call in. Throws HttpError 401 (a certificate that is none of ours, or none where one is
/// needed), 429 (too many requests; `counted` says that this one was counted before, as a long poll
/// that is asked again) and kDenied. Refusals are recorded; those of strangers, and what is only
/// read, once an hour for the same who and what.
Admitted admit(app::App& side, Shared& shared, const Request& request, const Match& match,
               bool counted);

/// Runs what changes something, with its intent and its outcome in the audit log.
Response recorded(Call& call, const Route& route, const std::function<Response()>& act);

/// A call under an Idempotency-Key that was answered before: recorded as such.
void note_replay(Call& call, const Route& route);

}  // namespace poolkey::service
