// Calls that are repeated with their Idempotency-Key get the answer that was given the first time.
// May touch: store/sql.h, crypto's SHA-256. Called by: the dispatcher, around handlers that change
// something and do not recognise a repetition by themselves.
//
// What is atomic with what:
// - begin() is one statement: of two calls with one key exactly one is `fresh`, whatever worker or
//   process has it. The other is told that it runs.
// - finish() is one statement. In the Transaction in which the handler records its outcome, the
//   answer is there exactly when the act is, and no crash can part them. Where the handler has no
//   such transaction it comes right after; a crash in between leaves the act done and the answer
//   unknown, and then the repetition runs the handler again, which finds what it did (by digest,
//   public key or journal) as after any crash. Nothing is answered before finish() has returned.
// - A call that fails is forgotten (abandon), so that its repetition is tried afresh: an error says
//   that nothing was done, or that the repetition will complete it.
// - A crash leaves the key "begun" by a run of the service that is over. There is one service per
//   origin at a time (it answers at the home's unix socket), so whoever finds the key begun by
//   another run may take it over, and the handler runs again. The same where this run began it and
//   no worker has it any more, because its end could not be written.
// An answer lies in the database as it was given: what hands out a secret (a one-time code) is not
// called under a key.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/access.h"
#include "service/message.h"
#include "store/sql.h"

namespace poolkey::service {

/// How long an answer is kept, at least.
inline constexpr Duration kAnswersKept = std::chrono::hours(24);

/// One call under a key.
struct KeyedCall {
  std::string principal;  ///< Principal::str(): keys of two principals are two keys
  std::string key;
  std::string digest;  ///< hex SHA-256 of what is asked
};

/// The call of a request. Nothing if it has no Idempotency-Key. Throws kInvalidArgument unless the
/// key is 1 to 128 visible ASCII characters (quotes around it are part of it), given once.
std::optional<KeyedCall> keyed_call(const policy::Principal& principal, const Request& request);

enum class Begun {
  kFresh,    ///< run the handler, then finish() or abandon()
  kResumed,  ///< the same; an earlier run of the service may have done some or all of it
  kReplay,   ///< here is the answer
  kOther,    ///< the key was used for another call: 422
  kRunning,  ///< the first call is not over: 409, with Retry-After
};

/// Thread-safe.
class Idempotency {
 public:
  /// `run` is this run of the service: another one each time it starts.
  explicit Idempotency(std::string run) : run_(std::move(run)) {}

  /// The whole of it: runs `act` and keeps its answer if that is a 2xx; or gives the one that was
  /// kept, after `replayed`. Throws HttpError 422 and 409, and whatever `act` throws.
  Response once(store::Database& database, const KeyedCall& call, Time now,
                const std::function<Response()>& act, const std::function<void()>& replayed);

  struct Found {
    Begun begun;
    Response answer{};  ///< of kReplay; it has "idempotency-replayed: true"
  };
  Found begin(store::Database& database, const KeyedCall& call, Time now);
  /// Keeps the answer. Throws kConflict if the key is not this run's any more.
  void finish(store::Database& database, const KeyedCall& call, const Response& answer);
  void abandon(store::Database& database, const KeyedCall& call);
  /// Forgets what is older than kAnswersKept. Done now and then.
  static void forget_old(store::Database& database, Time now);

 private:
  using Id = std::pair<std::string, std::string>;
  /// Whatever comes of the end's record, no worker has the call any more.
  struct Leaving {
    Idempotency& self;
    Id id;
    ~Leaving() { self.leave(id); }
  };
  bool enter(const Id& id);
  void leave(const Id& id);
  Found take(store::Database& database, const KeyedCall& call, Time now);
  Found look(store::Database& database, const KeyedCall& call);

  std::string run_;
  std::mutex mutex_;
  std::set<Id> running_;  ///< calls that a worker of this run has
};

}  // namespace poolkey::service
