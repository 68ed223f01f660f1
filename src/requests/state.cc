#include "requests/state.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"

namespace poolkey::requests {
namespace {

using enum State;

/// What is to be done next, by the route to the CA.
struct StateRow {
  State state;
  std::string_view name;
  std::string_view by_file, embedded, by_est;
};
constexpr std::string_view kCreate =
    "mend what the linter found, then 'poolkey request create' again";
constexpr std::string_view kInterrupted = "'poolkey request create' again: it was interrupted";
constexpr std::string_view kIssue = "'poolkey certificate issue' again: it was interrupted";
constexpr std::string_view kPublish = "'poolkey certificate publish' once the key is released";
constexpr std::array kStates{
    StateRow{kDrafted, "drafted", kCreate, kCreate, kCreate},
    StateRow{kLinted, "linted", kCreate, kCreate, kCreate},
    StateRow{kApproved, "approved", kInterrupted, kInterrupted, kInterrupted},
    StateRow{kSigned, "signed", "'poolkey request export', and send the file to the CA",
             "'poolkey certificate issue'", "'poolkey request submit'"},
    StateRow{kSubmitted, "submitted", "when the CA answers: 'poolkey request import FILE'", kIssue,
             "'poolkey request submit' again: the CA has not decided"},
    StateRow{kIssued, "issued", "'poolkey request accept'", kIssue, "'poolkey request accept'"},
    StateRow{kAccepted, "accepted", kPublish, kPublish, kPublish},
    StateRow{kInstalled, "installed", "", "", ""},
    StateRow{kSuperseded, "superseded", "", "", ""},
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

std::string_view next_act(State state, Route route) {
  const StateRow& row = kStates[static_cast<std::size_t>(state)];
  switch (route) {
    case Route::kEmbedded:
      return row.embedded;
    case Route::kEst:
      return row.by_est;
    case Route::kFile:
      break;
  }
  return row.by_file;
}

}  // namespace poolkey::requests
