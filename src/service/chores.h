// What the service does by itself beside answering: each chore in its own rhythm, on one thread.
// May touch: app and below. Called by: Service.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "app/app.h"
#include "service/shared.h"

namespace poolkey::service {

struct Chore {
  std::string_view name;
  std::chrono::seconds every;
  /// Bears being run again where it failed; what it throws is logged, and it has its turn again.
  void (*run)(app::App& side, Shared& shared);
};

/// All but what needs the server itself (its certificate).
std::span<const Chore> chores();

}  // namespace poolkey::service
