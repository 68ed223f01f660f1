// Verbs that the running service does for somebody on its host: the same verbs, in its process, on
// its open token. May touch: app, http. Called by: main (asking), command_service (answering).
#pragma once

#include <filesystem>
#include <optional>

#include "cli/command.h"

namespace poolkey::cli {

struct RemoteOptions {
  std::filesystem::path socket{};  ///< empty: where the home's poolkey.toml says
  bool only_print = false;         ///< the curl command, instead of the call
};

/// Has the service that answers at the socket run the verb: files that the verb reads go with the
/// call, and files that it writes come back. Nothing where the verb is not one for the service, a
/// PIN was named, or no service answers; then the caller runs it himself. Throws what the verb
/// threw there.
std::optional<int> run_in_service(const Command& command, Call& call, const RemoteOptions& remote);

/// The other half: runs a verb in the service. `call` is {"arguments", "files", "format"}; the
/// answer {"status", "stdout", "stderr", "files"} or {"status", "error", ...}. `side` is the
/// worker's App. Throws kNotFound for a verb that is not for the service.
json::object run_for_client(app::App& side, const std::string& path, const json::object& call);

}  // namespace poolkey::cli
