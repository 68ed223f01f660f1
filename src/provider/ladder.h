// What a failure of a module asks for: the rungs of the ladder back to a working key, as one table.
// May touch: PKCS#11 constants. Called by: signing_token, replica, private_key.
#pragma once

#include <optional>

#include "base/error.h"

namespace poolkey::provider {

/// From the cheapest up. Each is taken once; one that did not help is followed by the next.
enum class Rung {
  kNone,        ///< nothing helps: the failure is an answer
  kFind,        ///< the object's handle has died: find it again
  kSession,     ///< the session has died: take a fresh one
  kLogin,       ///< the login was lost
  kOpen,        ///< the token was away: find it again, with sessions and login
  kInitialize,  ///< the module has to be initialised anew
};

/// What may help after a failure. Above `highest` it is an answer, not a failure of the module: a
/// token that could be opened anew and says the same means it.
struct Remedy {
  Rung first, highest;
  bool possible() const { return first != Rung::kNone; }
  /// It may be another answer after a while; else the first one is final.
  bool may_pass() const { return highest >= Rung::kOpen; }
};
Remedy remedy_for(const Error& error) noexcept;

/// The rungs that were taken.
class RungSet {
 public:
  /// The lowest from `first` to `highest` that was not; now it is. Nothing where there is none.
  std::optional<Rung> next(Rung first, Rung highest) noexcept;

 private:
  unsigned taken_ = 0;
};

}  // namespace poolkey::provider
