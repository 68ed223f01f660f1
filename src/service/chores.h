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

/// Signs with the key of the audit log, which has to be there for anything else to be done, and
/// checks the signature in software. Throws what the token says.
void sign_and_verify(keys::Context& context);

/// All but what needs the server itself (its certificate).
std::span<const Chore> chores();

}  // namespace poolkey::service
