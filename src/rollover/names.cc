// The words of states, causes and acts.
#include <array>
#include <string>

#include "base/error.h"
#include "rollover/judge.h"

namespace poolkey::rollover {
namespace {

template <class T>
struct Word {
  T value;
  std::string_view text;
};

constexpr std::array kStates{
    Word<State>{State::kPlanned, "planned"},
    Word<State>{State::kGenerated, "generated"},
    Word<State>{State::kAwaitingCeremony, "awaiting-ceremony"},
    Word<State>{State::kReleased, "released"},
    Word<State>{State::kRequested, "requested"},
    Word<State>{State::kIssued, "issued"},
    Word<State>{State::kInstalled, "installed"},
    Word<State>{State::kProven, "proven"},
    Word<State>{State::kArmed, "armed"},
    Word<State>{State::kEffective, "effective"},
    Word<State>{State::kOverlap, "overlap"},
    Word<State>{State::kRetired, "retired"},
    Word<State>{State::kDestroyed, "destroyed"},
    Word<State>{State::kAborted, "aborted"},
};
constexpr std::array kCauses{
    Word<Cause>{Cause::kDue, "due"},
    Word<Cause>{Cause::kAsked, "asked"},
    Word<Cause>{Cause::kEvicted, "evicted"},
    Word<Cause>{Cause::kCompromised, "compromised"},
};
constexpr std::array kActs{
    Word<Act>{Act::kGenerate, "generate"},
    Word<Act>{Act::kRequest, "request"},
    Word<Act>{Act::kAccept, "accept"},
    Word<Act>{Act::kPublish, "publish"},
    Word<Act>{Act::kNoteInstalled, "note-installed"},
    Word<Act>{Act::kRedeliver, "redeliver"},
    Word<Act>{Act::kAsk, "ask"},
    Word<Act>{Act::kArm, "arm"},
    Word<Act>{Act::kDisarm, "disarm"},
    Word<Act>{Act::kSwitch, "switch"},
    Word<Act>{Act::kRetire, "retire"},
    Word<Act>{Act::kErase, "erase"},
};

template <class T, std::size_t N>
std::string_view text_of(const std::array<Word<T>, N>& words, T value) {
  for (const auto& word : words)
    if (word.value == value) return word.text;
  return "unknown";
}

template <class T, std::size_t N>
T value_of(const std::array<Word<T>, N>& words, std::string_view text, const char* what) {
  for (const auto& word : words)
    if (word.text == text) return word.value;
  throw Error(Errc::kCorrupt, "'" + std::string(text) + "' is no " + what +
                                  " of a rollover that this poolkey knows");
}

}  // namespace

std::string_view name(State state) { return text_of(kStates, state); }
std::string_view name(Cause cause) { return text_of(kCauses, cause); }
std::string_view name(Act act) { return text_of(kActs, act); }
State parse_state(std::string_view text) { return value_of(kStates, text, "state"); }
Cause parse_cause(std::string_view text) { return value_of(kCauses, text, "cause"); }

bool is_urgent(Cause cause) { return cause == Cause::kEvicted || cause == Cause::kCompromised; }

}  // namespace poolkey::rollover
