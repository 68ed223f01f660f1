// How rollovers begin: asked for, due, after an eviction or a compromise.
// May touch: rollover and below. Called by: cli.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keys/context.h"
#include "rollover/repository.h"
#include "rollover/schedule.h"

namespace poolkey::rollover {

struct Beginning {
  PoolName pool;
  KeyName key;
  Cause cause = Cause::kAsked;
  std::string reason{};
  std::optional<Time> wanted{};    ///< effective date
  std::optional<Time> deadline{};  ///< of a compromise
};

/// The record that begin() would store: from the version in force to the one that is staged, or to
/// a new one. Throws kConflict where one goes on already, kNotFound where no version is in force.
StoredRoll plan_roll(keys::Context& context, const Beginning& beginning);
StoredRoll begin(keys::Context& context, const Beginning& beginning);

/// A key with a certificate that ends, and when its next roll begins by itself.
struct Upcoming {
  PoolName pool;
  KeyVersion in_force;
  Time not_after;
  Duration validity;
  Lead lead;
  Stock stock;
  Time start;
};
/// Of every pool key that no roll goes on for.
std::vector<Upcoming> upcoming(keys::Context& context);

}  // namespace poolkey::rollover
