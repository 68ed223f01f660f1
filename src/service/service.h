// The running service: built once, and run until it is told to end.
// May touch: everything below. Called by: cli, for `poolkey serve`.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/app.h"
#include "base/service_manager.h"
#include "service/shared.h"

namespace poolkey::service {

struct ServeOptions {
  app::Options app;
  std::filesystem::path access{};     ///< empty: HOME/access.toml
  std::vector<std::string> listen{};  ///< instead of the configured addresses
  unsigned workers = 0;               ///< 0: twice the cores, at least 8
  Shared::RunCommand run_command{};
  /// Called once requests are answered, with the addresses.
  std::function<void(const std::vector<std::string>&)> started{};
};

/// Serves the origin's home until SIGTERM or SIGINT: then no connection is taken any more, what was
/// begun is answered, and it returns. SIGHUP has the access policy read again. To be called before
/// the process has threads. Throws kInvalidArgument (access policy, no [service] section), or what
/// token and database say.
void serve(ServeOptions options);

/// The access policy of a home.
std::filesystem::path access_file(const std::filesystem::path& home);

}  // namespace poolkey::service
