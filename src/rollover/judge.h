// Where a rollover stands and what may be done next: a pure function of what is known.
// May touch: base (pure). Called by: rollover, with facts from the database; tests, with a model.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace poolkey::rollover {

/// In their order; a rollover goes back only where a barrier that was passed holds no more.
enum class State {
  kPlanned,           ///< decided on
  kGenerated,         ///< the new version is in the origin's token
  kAwaitingCeremony,  ///< people have to release it
  kReleased,          ///< wrapped for every member; n of N have shown that they hold it
  kRequested,         ///< its certificates are asked for
  kIssued,            ///< they came back and were accepted
  kInstalled,         ///< n of N have them beside the key
  kProven,            ///< n of N have shown key and certificate since all were installed
  kArmed,             ///< the effective date is set; n of N have confirmed that they know it
  kEffective,         ///< it has come; n of N have changed over
  kOverlap,           ///< what the old version signed is still good
  kRetired,           ///< the old version is no longer used; n of N have destroyed it
  kDestroyed,         ///< nobody has it any more
  kAborted,
};
/// "awaiting-ceremony"
std::string_view name(State state);
/// Throws kCorrupt for a word that is no state.
State parse_state(std::string_view text);

/// Why the key is rolled.
enum class Cause {
  kDue,          ///< its certificate ends
  kAsked,        ///< somebody wants it
  kEvicted,      ///< a former member knows the old version
  kCompromised,  ///< the old version is not to be trusted
};
std::string_view name(Cause cause);
Cause parse_cause(std::string_view text);

/// True where the new version takes over as soon as it can, not as late as it may.
bool is_urgent(Cause cause);

/// By how much a member's clock is ahead of the origin's, as far as it can be told.
struct ClockOffset {
  Duration least, most;
};

/// What a member last said, and when it was asked.
struct MemberFacts {
  MemberName name;
  bool enrolled = false;
  std::optional<Time> asked{};  ///< when the newest challenge was made
  bool answered = false;        ///< that challenge; if not, the rest is not known
  bool told = false;            ///< the challenge was about the new version as well
  bool holds_new = false, holds_old = false;
  bool certificate = false;  ///< the new certificate stands beside the new version
  std::optional<ClockOffset> clock{};
  bool confirmed = false;             ///< it has shown since arming that it knows the date
  bool switched = false;              ///< the new version is in force there
  std::vector<std::string> in_use{};  ///< processes that sign with a copy of the old version
};

/// The certificates that the new version needs.
struct RequestFacts {
  std::string id;
  bool submitted = false;
  bool answered = false;  ///< something came back that was not looked at yet
  bool accepted = false;
  std::string refused{};  ///< why what came back was not accepted
  std::string hint{};     ///< what a person does, in parentheses
};

struct Facts {
  Time now;
  Cause cause = Cause::kDue;
  PoolName pool;
  KeyVersion from, to;  ///< the same for a renewal that keeps the key
  bool generated = false;
  bool needs_backup = false;  ///< its policy wants a backup before the release, and there is none
  bool released = false;      ///< to every member of the pool
  std::vector<KeyVersion> ahead{};  ///< made as well, to be released in the same ceremony
  std::uint32_t wanted_ahead = 0;   ///< how many there are to be
  std::vector<RequestFacts> requests{};
  std::vector<MemberFacts> members{};   ///< all that the topology names
  std::vector<MemberFacts> standbys{};  ///< standby origins that have the old version
  std::optional<Time> published{};      ///< when the certificates were posted to the members
  std::optional<Time> installed{};      ///< when all were seen to have installed them
  std::optional<Time> old_not_after{};  ///< of the certificate in service; nothing: there is none
  Duration token_lifetime{};
  std::optional<Time> wanted{};  ///< an effective date that somebody chose
  bool short_overlap = false;    ///< somebody accepts that tokens of the old version die early
  std::optional<Time> armed{}, effective{};
  std::optional<Time> switched{};  ///< when the statements with the new version were posted
  std::optional<Time> retired{};
  std::optional<Time> may_destroy{};  ///< when the policy lets the old version be destroyed
  bool erased = false;
  bool aborted = false;
  Duration notice = std::chrono::minutes(30);  ///< least time from arming to the effective date
  Duration clock_limit = std::chrono::minutes(1);
};

/// One thing to do; after it everything is judged anew.
enum class Act {
  kGenerate,
  kRequest,  ///< make, lint, sign and submit
  kAccept,
  kPublish,
  kNoteInstalled,  ///< all were seen to have the certificate
  kRedeliver,      ///< to members that said that they lack it
  kAsk,            ///< a new challenge to the members named
  kArm,            ///< at the date of the verdict
  kDisarm,
  kSwitch,  ///< the origin says that the new version is in force
  kRetire,
  kErase,  ///< envelopes, and the origin's own object
};
/// "generate"; what --dry-run prints is sentence_of().
std::string_view name(Act act);

/// Something that keeps it from going on, and until when it can.
struct Wait {
  std::string for_what;
  std::optional<MemberName> member{};
};

struct Verdict {
  State state = State::kPlanned;
  std::size_t done = 0, of = 0;  ///< members; 0 of 0 where none are counted
  std::optional<Act> act{};
  std::vector<MemberName> whom{};  ///< of kAsk and kRedeliver
  std::optional<Time> at{};        ///< of kArm
  std::vector<Wait> waits{};
  std::optional<Time> until{};  ///< the last instant at which the new version may take over
  std::string fault{};          ///< what a person has to decide; empty if nothing
  bool over = false;            ///< nothing is left to be done, ever
};

/// Throws nothing; bears any facts.
Verdict judge(const Facts& facts);

/// "released 2/3"
std::string words(const Verdict& verdict);
/// What the act would do, for --dry-run: "generate av@2 in the origin's token".
std::string sentence_of(const Verdict& verdict, const Facts& facts);

}  // namespace poolkey::rollover
