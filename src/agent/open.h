// What an agent has open at a time. May touch: app. Called by: agent (its two files).
#pragma once

#include "agent/agent.h"

namespace poolkey::agent {

/// Ends in the reverse order: the connection holds a key of the token.
struct Agent::Open {
  Open(const app::Options& options, std::optional<Pin>& pin);

  app::App app;
  pool::MemberSide side;
  std::vector<crypto::Certificate> certificate{};
  std::unique_ptr<Link> link{};
};

/// Names in the member's own table of settings.
inline constexpr const char* kAnswered =
    "agent.challenge";                                ///< SHA-256 of the one that was answered
inline constexpr const char* kLooked = "agent.look";  ///< the look when it was

}  // namespace poolkey::agent
