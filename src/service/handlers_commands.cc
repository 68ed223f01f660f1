// Verbs of the command line, run in the service for somebody on this host.
#include "service/handlers.h"
#include "service/problem.h"

namespace poolkey::service {
namespace {

Response run(Call& call) {
  if (!call.request.peer.local_user)
    throw Error(Errc::kDenied, "verbs of the command line are for the unix socket of this host");
  std::string path = call.parameter("command");
  std::ranges::replace(path, '.', ' ');
  return json_response(call.shared.run_command(call.side, path, call.document()));
}

}  // namespace

std::span<const Route> command_routes() {
  static const auto& routes = *new std::vector<Route>{
      {.method = "POST",
       .path = "/v1/commands/{command}",
       .action = policy::AccessAction::kCommandRun,
       .summary = "A verb of the command line, such as 'pool.challenge', with its options; only on "
                  "the unix socket",
       .body = json_body("Command", kLargeBody),
       .repeat = Repeat::kIdempotent,
       .answer = "CommandResult",
       .handle = run},
  };
  return routes;
}

}  // namespace poolkey::service
