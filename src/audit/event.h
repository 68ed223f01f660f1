// What an audit entry says: explicit fields, so that no secret gets in by accident.
// May touch: base. Called by: whoever writes the audit log, by way of Scope or Chain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/json.h"

namespace poolkey::audit {

/// An intent stands before the act, an outcome after it.
enum class Phase { kIntent, kOutcome, kCheckpoint };
enum class Result { kOk, kDenied, kFailed };

/// As written to the log: "intent", "ok".
std::string_view name(Phase phase) noexcept;
std::string_view name(Result result) noexcept;

/// Who does what to what, and by which right. All text is UTF-8; what is not is replaced.
struct Event {
  std::string actor;  ///< who asked: "uid:1000 alice", a certificate's subject
  std::string verb;   ///< "key release"
  Phase phase = Phase::kIntent;
  std::string subject;           ///< "edge/av@1"
  std::string rule;              ///< the deciding line, "policies/av-auth.toml:12"; may be empty
  std::optional<Result> result;  ///< of an outcome
  std::string operation;         ///< the journal's operation id; may be empty
  std::optional<std::int64_t> intent;  ///< of an outcome: the seq of its intent
  json::object detail;  ///< more fields, each chosen by hand; never a whole structure
};

/// An entry as it stands in the log.
struct Entry {
  std::int64_t seq;
  Time time;
  Event event;
};

}  // namespace poolkey::audit
