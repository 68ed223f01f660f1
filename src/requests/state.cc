#include "requests/state.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace poolkey::requests {
namespace {

using enum State;

struct StateRow {
  State state;
  std::string_view name;
  std::string_view next_by_file;
  std::string_view next_embedded;
};
constexpr std::string_view kCreate =
    "mend what the linter found, then 'poolkey request create' again";
constexpr std::array kStates{
    StateRow{kDrafted, "drafted", kCreate, kCreate},
    StateRow{kLinted, "linted", kCreate, kCreate},
    StateRow{kApproved, "approved", "'poolkey request create' again: it was interrupted",
             "'poolkey request create' again: it was interrupted"},
    StateRow{kSigned, "signed", "'poolkey request export', and send the file to the CA",
             "'poolkey certificate issue'"},
    StateRow{kSubmitted, "submitted", "when the CA answers: 'poolkey request import FILE'",
             "'poolkey certificate issue' again: it was interrupted"},
    StateRow{kIssued, "issued", "'poolkey request accept'",
             "'poolkey certificate issue' again: it was interrupted"},
    StateRow{kAccepted, "accepted", "'poolkey certificate publish' once the key is released",
             "'poolkey certificate publish' once the key is released"},
    StateRow{kInstalled, "installed", "", ""},
    StateRow{kSuperseded, "superseded", "", ""},
};

struct Step {
  State from;
  State to;
};
constexpr std::array kSteps{
    Step{kDrafted, kLinted},
    Step{kLinted, kApproved},
    Step{kApproved, kSigned},
    Step{kSigned, kSubmitted},
    Step{kSubmitted, kSubmitted},
    Step{kSigned, kIssued},  // somebody had the PKCS#10 from elsewhere
    Step{kSubmitted, kIssued},
    Step{kIssued, kIssued},
    Step{kIssued, kAccepted},
    Step{kAccepted, kInstalled},
    Step{kAccepted, kSuperseded},
    Step{kInstalled, kSuperseded},
    // A CA that issued again for the same request: the key is the same.
    Step{kAccepted, kAccepted},
    Step{kInstalled, kAccepted},
};

}  // namespace

std::string_view name(State state) { return kStates[static_cast<std::size_t>(state)].name; }

State parse_state(std::string_view text) {
  const auto found = std::ranges::find(kStates, text, &StateRow::name);
  if (found == kStates.end())
    throw Error(Errc::kCorrupt, "'" + std::string(text) + "' is no state of a request");
  return found->state;
}

bool may_follow(State from, State to) {
  // It can always be made anew, where the topology has changed or a run was interrupted.
  if (to == kDrafted) return true;
  return std::ranges::any_of(kSteps, [&](const Step& s) { return s.from == from && s.to == to; });
}

std::string_view next_act(State state, bool by_file) {
  const StateRow& row = kStates[static_cast<std::size_t>(state)];
  return by_file ? row.next_by_file : row.next_embedded;
}

}  // namespace poolkey::requests
