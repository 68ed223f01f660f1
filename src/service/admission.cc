#include "service/admission.h"

#include "service/limits.h"
#include "service/problem.h"
#include "service/shared.h"

namespace poolkey::service {
namespace {

std::string verb_of(const Route& route) {
  return "access " + std::string(policy::word(route.action));
}

/// What the path does not name, the handler asks about once more.
policy::AccessScope scope_of(const Match& match) {
  policy::AccessScope out{.listing = true};
  if (const auto* pool = find_field(match.parameters, "pool")) out.pool = *pool;
  if (const auto* member = find_field(match.parameters, "member")) out.member = *member;
  if (const auto* profile = find_field(match.parameters, "profile")) out.profile = *profile;
  return out;
}

/// Something that was decided and needs no handler.
audit::Event decided(const std::string& actor, const Route& route, const std::string& subject,
                     const std::string& rule, audit::Result result) {
  audit::Event event;
  event.actor = actor;
  event.verb = verb_of(route);
  event.phase = audit::Phase::kOutcome;
  event.subject = subject;
  event.rule = rule;
  event.result = result;
  return event;
}

/// Strangers can ask from anywhere, so each of their addresses gets an entry an hour, not more.
void note_stranger(app::App& side, Shared& shared, const Request& request, const Route& route,
                   const std::string& why) {
  const std::string from = limit_key({}, request.peer.address);
  if (!shared.is_new_read("refused " + from + " " + verb_of(route) + " " + why)) return;
  audit::Event event =
      decided("anonymous", route, request.path, "built-in", audit::Result::kDenied);
  event.detail = {{"from", from}, {"reason", why}};
  side.context().audit.append(event);
}

Identity identity_of(app::App& side, Shared& shared, const Request& request, const Route& route) {
  try {
    Identity out = identify(request.peer, side.database());
    if (route.access != Access::kPolicy) return out;
    if (out.principal.kind == policy::PrincipalKind::kAnonymous)
      throw HttpError(401,
                      out.nobody.empty()
                          ? "this call needs a client certificate of this service's CA"
                          : out.nobody,
                      {}, Errc::kDenied);
    if (out.ended && route.action != policy::AccessAction::kIdentityRenew)
      throw HttpError(401, "the client certificate has ended; it can only be renewed", {},
                      Errc::kDenied);
    return out;
  } catch (const HttpError& error) {
    note_stranger(side, shared, request, route, error.what());
    throw;
  }
}

/// One from the bucket of whoever asks.
void take_one(Shared& shared, const Request& request, const policy::Access& access,
              const policy::Principal& principal) {
  const auto wait = shared.limits().take(limit_key(principal, request.peer.address),
                                         policy::limits_of(access, principal), request.arrived);
  if (wait)
    throw HttpError(429, "more requests than the access policy allows; come again later",
                    {{"retry-after", std::to_string(wait->count())}}, Errc::kUnavailable);
}

void deny(app::App& side, const Request& request, const Route& route,
          const policy::AccessDecision& decision) {
  audit::Event event =
      decided(side.context().actor, route, request.path, decision.rule, audit::Result::kDenied);
  event.detail = {{"reason", decision.sentence}};
  side.context().audit.append(event);
  throw Error(Errc::kDenied, decision.sentence);
}

void note_read(app::App& side, Shared& shared, const Match& match, const Admitted& admitted) {
  std::string where;
  for (const auto& [name, value] : match.parameters)
    if (name == "pool" || name == "member") where += "/" + value;
  const std::string& actor = admitted.identity.actor;
  if (!shared.is_new_read(actor + " " + verb_of(*match.route) + " " + where)) return;
  side.context().audit.append(decided(actor, *match.route,
                                      where.empty() ? "service" : where.substr(1), admitted.rule,
                                      audit::Result::kOk));
}

}  // namespace

Admitted admit(app::App& side, Shared& shared, const Request& request, const Match& match,
               bool counted) {
  const Route& route = *match.route;
  const auto access = shared.access();
  // Of a stranger's requests those are counted that get no further as well.
  const bool stranger = request.peer.certificate.empty() && !request.peer.local_user;
  if (!counted && stranger) take_one(shared, request, *access, {});
  Admitted out{identity_of(side, shared, request, route), ""};
  side.context().actor = out.identity.actor;
  if (!counted && !stranger) take_one(shared, request, *access, out.identity.principal);
  if (route.access != Access::kPolicy) return out;
  const policy::AccessDecision decision =
      policy::decide(*access, out.identity.principal, route.action, scope_of(match));
  out.rule = decision.rule;
  if (!decision.allowed) deny(side, request, route, decision);
  if (route.repeat == Repeat::kSafe) note_read(side, shared, match, out);
  return out;
}

Response recorded(Call& call, const Route& route, const std::function<Response()>& act) {
  if (route.access != Access::kPolicy) return act();
  audit::Scope record(call.context().audit, {.actor = call.actor,
                                             .verb = verb_of(route),
                                             .subject = call.request.path,
                                             .rule = call.rule});
  Response out = record.run(act);
  record.succeed({{"status", out.status}, {"request", call.request.id}});
  return out;
}

void note_replay(Call& call, const Route& route) {
  audit::Event event = decided(call.actor, route, call.request.path, call.rule, audit::Result::kOk);
  event.detail = {{"request", call.request.id}, {"answered", "before"}};
  call.context().audit.append(event);
}

}  // namespace poolkey::service
