// What a module writes and how much of it: never believed without a look.
// May touch: base. Called by: sign, wrap.
#pragma once

#include <string>

#include "base/bytes.h"
#include "hsm/cryptoki.h"

namespace poolkey::hsm {

/// Room for what a call gives, filled with a pattern beforehand: so a length that is told as less
/// or more than was written shows.
class Output {
 public:
  explicit Output(std::size_t room);

  CK_BYTE* data() { return octets_.data(); }
  CK_ULONG* size() { return &size_; }

  /// The octets that were written. Throws kUnavailable where the length cannot be right: "cannot
  /// <doing>: ...".
  Bytes take(const std::string& doing);
  /// The same where the length is known.
  Bytes take(std::size_t expected, const std::string& doing);

 private:
  Bytes octets_;
  CK_ULONG size_;
};

}  // namespace poolkey::hsm
