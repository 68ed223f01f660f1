// One-time codes over the network: made by whoever decides about trust, shown once, ended.
#include "pool/invitation.h"
#include "service/handlers.h"

namespace poolkey::service {
namespace {

using policy::AccessAction;
using pool::Invitation;
using pool::InvitationKind;
using pool::Invitee;

constexpr Days kDefaultValidity{1};

Invitee member_of(const Call& call) {
  return {InvitationKind::kMember, call.pool().str(), call.member().str()};
}

/// Persons and applications are of no pool, so the caller must be trusted with all of them.
Invitee client_of(Call& call) {
  authorize(call, AccessAction::kEnrolmentInvite, {});
  return {InvitationKind::kClient, "", call.parameter("client")};
}

/// The one answer that ever has the code: nobody on its way is to keep it.
Response invite(Call& call, const Invitee& invitee) {
  const json::object wish = call.document();
  const json::value* seconds = wish.if_contains("valid_seconds");
  const Duration valid =
      seconds == nullptr ? Duration(kDefaultValidity) : Duration(seconds->as_int64());
  const SecretBytes code = pool::invite(call.context(), invitee, valid);
  Response out =
      json_response(json::object{{"name", invitee.str()},
                                 {"code", to_text(code.view())},
                                 {"expires", rfc3339(call.context().clock.now() + valid)}},
                    201);
  out.headers.emplace_back("cache-control", "no-store");
  return out;
}

Response withdraw(Call& call, const Invitee& invitee) {
  return json_response(json::object{{"name", invitee.str()},
                                    {"withdrawn", pool::withdraw(call.context(), invitee)}});
}

Response list(const Call& call, InvitationKind kind, const std::string& pool) {
  const Time now = call.context().clock.now();
  std::vector<Entry> entries;
  for (const Invitation& one : pool::invitations(call.side.database(), kind)) {
    if (one.invitee.pool != pool) continue;
    json::object view{{"name", one.invitee.str()},
                      {"state", std::string(pool::name(one.state(now)))},
                      {"created", rfc3339(one.created)},
                      {"expires", rfc3339(one.expires)}};
    if (one.used) view["used"] = rfc3339(*one.used);
    // Their order never changes, for none is ever removed.
    std::string number = std::to_string(entries.size());
    number.insert(0, 9 - std::min<std::size_t>(number.size(), 9), '0');
    entries.push_back({std::move(number), std::move(view)});
  }
  return list_response(call, "invitations", std::move(entries));
}

Response invite_member(Call& call) { return invite(call, member_of(call)); }
Response invite_client(Call& call) { return invite(call, client_of(call)); }
Response withdraw_member(Call& call) { return withdraw(call, member_of(call)); }
Response withdraw_client(Call& call) { return withdraw(call, client_of(call)); }
Response list_members(Call& call) { return list(call, InvitationKind::kMember, call.pool().str()); }
Response list_clients(Call& call) {
  authorize(call, AccessAction::kEnrolmentRead, {});
  return list(call, InvitationKind::kClient, "");
}

}  // namespace

std::span<const Route> invitation_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/pools/{pool}/invitations",
       .action = AccessAction::kEnrolmentRead,
       .summary = "One-time codes of a pool's members, without the codes",
       .query = "after limit",
       .answer = "InvitationList",
       .handle = list_members},
      {.method = "POST",
       .path = "/v1/pools/{pool}/members/{member}/invitation",
       .action = AccessAction::kEnrolmentInvite,
       .summary = "A one-time code by which a member may ask to join; ends those not used before",
       .body = json_body("InvitationWish"),
       // Never kKeyed, which would keep the code.
       .repeat = Repeat::kIdempotent,
       .answer = "MadeInvitation",
       .handle = invite_member},
      {.method = "DELETE",
       .path = "/v1/pools/{pool}/members/{member}/invitation",
       .action = AccessAction::kEnrolmentInvite,
       .summary = "Ends a member's one-time code",
       .repeat = Repeat::kIdempotent,
       .answer = "EndedInvitation",
       .handle = withdraw_member},
      {.method = "GET",
       .path = "/v1/client-invitations",
       .action = AccessAction::kEnrolmentRead,
       .summary = "One-time codes of persons and applications, without the codes",
       .query = "after limit",
       .answer = "InvitationList",
       .handle = list_clients},
      {.method = "POST",
       .path = "/v1/clients/{client}/invitation",
       .action = AccessAction::kEnrolmentInvite,
       .summary = "A one-time code for a person's or an application's first certificate, by EST",
       .body = json_body("InvitationWish"),
       .repeat = Repeat::kIdempotent,
       .answer = "MadeInvitation",
       .handle = invite_client},
      {.method = "DELETE",
       .path = "/v1/clients/{client}/invitation",
       .action = AccessAction::kEnrolmentInvite,
       .summary = "Ends the one-time code of a person or an application",
       .repeat = Repeat::kIdempotent,
       .answer = "EndedInvitation",
       .handle = withdraw_client},
  };
  return routes;
}

}  // namespace poolkey::service
