// The life of a certificate request, as a table of what may follow what.
// May touch: base (pure). Called by: requests, cli.
#pragma once

#include <string_view>

#include "requests/topology.h"

namespace poolkey::requests {

enum class State {
  kDrafted,     ///< named from the topology
  kLinted,      ///< looked at by the linter; stays so where it is refused
  kApproved,    ///< allowed by policy, or by a person whom the policy names
  kSigned,      ///< the PKCS#10 is made
  kSubmitted,   ///< handed to the CA
  kIssued,      ///< a certificate came back; nothing is known about it yet
  kAccepted,    ///< checked, and bound to the key version
  kInstalled,   ///< beside the key on every member
  kSuperseded,  ///< a later one is installed
};

/// "drafted"
std::string_view name(State state);
/// Throws kCorrupt for a word that is no state.
State parse_state(std::string_view text);

/// True if a request may go from one state to the other.
bool may_follow(State from, State to);

/// What somebody has to do next: "import what the CA sends back: 'poolkey request import FILE'";
/// empty if nothing.
std::string_view next_act(State state, Route route);

}  // namespace poolkey::requests
