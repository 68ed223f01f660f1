// When rollovers begin, and those that lie ahead.
// May touch: base (pure). Called by: rollover, cli.
#pragma once

#include <string_view>
#include <vector>

#include "base/clock.h"

namespace poolkey::rollover {

/// How long the parts of a roll take.
struct Lead {
  Duration token_lifetime{};    ///< of what is signed with the key
  Duration turnaround{};        ///< of the CA
  Duration roll_out{};          ///< to bring key and certificate to every member
  Duration ceremony = Days(3);  ///< until people come together to release a version
};

/// Versions of a key that its members hold before they are needed.
struct Stock {
  std::uint32_t released_ahead = 0;  ///< now
  std::uint32_t ahead = 0;           ///< that a ceremony releases beside the one it is for
  bool same_key = false;             ///< certificates are renewed for the key that is there
};

/// One roll to come.
struct Coming {
  Time start;      ///< when it begins by itself
  Time ask_by;     ///< when the CA has to be asked at the latest
  Time effective;  ///< the latest date of the change
  Time ends;       ///< when the certificate ends that is replaced
  bool ceremony;   ///< people are needed
};

/// When the roll of a certificate that ends at `not_after` begins. `name` spreads many pools over a
/// twentieth of the validity, always before what is necessary.
Time start_of(std::string_view name, Time not_after, Duration validity, const Lead& lead,
              bool ceremony);

/// The rolls that begin before `until`, if every certificate is valid for `validity` and CAs,
/// people and members take as long as `lead` says.
std::vector<Coming> look_ahead(std::string_view name, Time not_after, Duration validity,
                               const Lead& lead, Stock stock, Time until);

}  // namespace poolkey::rollover
