// An origin in the test's own process, on a real token, with a clock that stands still.
// Called by: tests/app.
#pragma once

#include <memory>

#include "keys/origin.h"
#include "provider/builtin.h"
#include "support/soft_token.h"

namespace poolkey::test {

/// Root, issuing CA and signers are made as shipped (P-384).
class Origin {
 public:
  Origin();

  keys::Context& context() { return context_; }
  store::Database& database() { return database_; }
  FixedClock& clock() { return clock_; }
  SoftToken& soft() { return soft_; }
  /// How many entries of the audit log have this verb.
  std::int64_t audited(const std::string& verb);

 private:
  SoftToken soft_{"poolkey-origin"};
  std::shared_ptr<hsm::Token> token_ = soft_.login();
  provider::Builtin provider_{token_};
  FixedClock clock_{parse_rfc3339("2026-11-23T08:00:00Z")};
  store::Database database_ = store::Database::open(soft_.folder() / "state.db");
  store::Journal journal_{database_};
  audit::Chain audit_{database_, clock_};
  keys::Context context_;
};

}  // namespace poolkey::test
