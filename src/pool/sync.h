// All that a member does with what lies in its mailbox, in one go.
// May touch: keys and below. Called by: cli, for `member sync`; agent.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "pool/deliver.h"
#include "pool/install.h"
#include "pool/prove.h"
#include "pool/reload.h"
#include "pool/retire.h"

namespace poolkey::pool {

/// The member's reload hook.
struct Hook {
  std::vector<std::string> words{};
  std::chrono::seconds limit{};
};

struct Synced {
  std::vector<Delivery> deliveries{};
  std::vector<Retired> retired{};
  std::vector<Installed> installed{};
  std::optional<Reloaded> reloaded{};  ///< nothing for a standby
  std::vector<Receipt> receipts{};
  std::vector<Error> troubles{};   ///< of parts that could not be done, while the others were
  std::optional<Error> stopped{};  ///< the token cannot be used: what comes after was not tried
};

/// Receives, destroys what is retired, installs certificates and runs the hook; with `answer` also
/// answers the challenge. Of what is not in the mailbox nothing is said. Throws as receive().
Synced synchronize(MemberSide& side, const Hook& hook, bool answer);

}  // namespace poolkey::pool
