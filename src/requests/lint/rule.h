// What a lint rule is, and the families of them.
// May touch: crypto's types (pure). Called by: lint.cc; each family is a file of this folder.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "requests/lint/lint.h"

namespace poolkey::requests {

/// What a rule weighs under a profile; off where the profile does not know it.
enum class Level { kOff, kInfo, kWarn, kError };

struct LintInput {
  const LintSubject& subject;
  const crypto::ParsedCsr& csr;
  Profile profile;
  Time now;
};

/// The offending values, one finding each; an empty string where there is nothing to quote.
using Offences = std::vector<std::string>;

/// One row. `message` stands before the offending value.
struct Rule {
  std::string_view id;
  Level public_br;
  Level lync;
  Level internal;
  std::string_view message;
  std::string_view fix;
  std::string_view source;
  Offences (*check)(const LintInput&);
};

std::span<const Rule> name_rules();
std::span<const Rule> key_rules();
std::span<const Rule> usage_rules();
std::span<const Rule> edge_rules();

/// One offence without a value, if `bad`.
inline Offences offence_if(bool bad) { return bad ? Offences{""} : Offences{}; }

}  // namespace poolkey::requests
