// What an agent keeps in its member's home besides the member's own state: agent.toml and its
// client certificate. May touch: base, crypto. Called by: agent, cli.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "crypto/certificate.h"

namespace poolkey::agent {

struct Settings {
  std::vector<std::string> servers{};  ///< "https://HOST:PORT", tried in this order
  std::chrono::seconds wait{55};       ///< how long the service may hold an answer back
  std::chrono::seconds check{300};     ///< between looks at the member's own replicas
  std::chrono::seconds retry{5};       ///< the first wait after a failure is at most this
};

/// Reads HOME/agent.toml. Throws kNotFound, kInvalidArgument with every fault.
Settings read_settings(const std::filesystem::path& home);
bool has_settings(const std::filesystem::path& home);
void write_settings(const std::filesystem::path& home, const Settings& settings);

/// "https://HOST[:PORT]" without a path. Throws kInvalidArgument.
std::string checked_server(std::string text);

/// The client certificate, leaf first. Throws kNotFound before the enrolment.
std::vector<crypto::Certificate> read_certificate(const std::filesystem::path& home);
void keep_certificate(const std::filesystem::path& home,
                      const std::vector<crypto::Certificate>& leaf_first);

}  // namespace poolkey::agent
