// Rollovers: where each stands, and what moves one on.
#include "app/view.h"
#include "rollover/advance.h"
#include "rollover/begin.h"
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

namespace ro = rollover;
using policy::AccessAction;

ro::StoredRoll wanted(Call& call, AccessAction action) {
  const std::string& id = call.parameter("rollover");
  for (const ro::StoredRoll& roll : ro::all_rolls(call.side.database()))
    if (roll.id == id) {
      authorize(call, action, {.pool = roll.pool.str()});
      return roll;
    }
  throw Error(Errc::kNotFound, "there is no rollover '" + id + "'");
}

Response list_rollovers(Call& call) {
  std::vector<Entry> entries;
  for (const ro::StoredRoll& roll : ro::all_rolls(call.side.database()))
    if (may(call, AccessAction::kRolloverRead, {.pool = roll.pool.str()}))
      entries.push_back({roll.id, app::progress_view(ro::look(call.context(), roll))});
  return list_response(call, "rollovers", std::move(entries));
}

Response show_rollover(Call& call) {
  const ro::StoredRoll roll = wanted(call, AccessAction::kRolloverRead);
  json::object out = app::progress_view(ro::look(call.context(), roll));
  out["history"] = roll.history;
  return tagged_response(call.request, out);
}

Response begin(Call& call) {
  const json::object wish = call.document();
  constexpr std::string_view kWhat = "the request's body";
  ro::Beginning beginning{.pool = PoolName(json::text(wish, "pool", kWhat)),
                          .key = KeyName(json::text(wish, "key", kWhat)),
                          .cause = ro::Cause::kAsked,
                          .reason = json::text(wish, "reason", kWhat),
                          .wanted = std::nullopt};
  if (wish.contains("effective"))
    beginning.wanted = parse_rfc3339(json::text(wish, "effective", kWhat));
  authorize(call, AccessAction::kRolloverAct, {.pool = beginning.pool.str()});
  const ro::StoredRoll roll = ro::begin(call.context(), beginning);
  Response out = json_response(
      app::progress_view(ro::advance(call.context(), call.side.mailbox(), roll.id)), 201);
  out.headers.emplace_back("location", "/v1/rollovers/" + roll.id);
  return out;
}

Response advance(Call& call) {
  const ro::StoredRoll roll = wanted(call, AccessAction::kRolloverAct);
  return json_response(
      app::progress_view(ro::advance(call.context(), call.side.mailbox(), roll.id)));
}

Response abort(Call& call) {
  const ro::StoredRoll roll = wanted(call, AccessAction::kRolloverAct);
  ro::abort(call.context(), call.side.mailbox(), roll.id,
            json::text(call.document(), "reason", "the request's body"));
  return json_response(
      app::progress_view(ro::look(call.context(), ro::find_roll(call.side.database(), roll.id))));
}

}  // namespace

std::span<const Route> rollover_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "GET",
       .path = "/v1/rollovers",
       .action = AccessAction::kRolloverRead,
       .summary = "Rollovers and where they stand",
       .query = "after limit",
       .answer = "RolloverList",
       .handle = list_rollovers},
      {.method = "GET",
       .path = "/v1/rollovers/{rollover}",
       .action = AccessAction::kRolloverRead,
       .summary = "A rollover: its state, what it waits for, its history",
       .answer = "Rollover",
       .handle = show_rollover},
      {.method = "POST",
       .path = "/v1/rollovers",
       .action = AccessAction::kRolloverAct,
       .summary = "Begins the next version of a key",
       .body = json_body("RolloverWish"),
       .repeat = Repeat::kKeyed,
       .answer = "Rollover",
       .handle = begin},
      {.method = "POST",
       .path = "/v1/rollovers/{rollover}/advance",
       .action = AccessAction::kRolloverAct,
       .summary = "Does what can be done now; the service does so by itself as well",
       .repeat = Repeat::kIdempotent,
       .answer = "Rollover",
       .handle = advance},
      {.method = "POST",
       .path = "/v1/rollovers/{rollover}/abort",
       .action = AccessAction::kRolloverAct,
       .summary = "Ends a rollover before the new version has taken over",
       .body = json_body("Reason"),
       .repeat = Repeat::kIdempotent,
       .answer = "Rollover",
       .handle = abort},
  };
  return routes;
}

}  // namespace poolkey::service
