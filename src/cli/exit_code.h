// The exit status of every kind of failure; README.md has the same table.
// May touch: base. Called by: main.
#pragma once

#include "base/error.h"

namespace poolkey::cli {

inline constexpr int kExitDifferences =
    20;  ///< the verb ran, and what it looked at is not in order

constexpr int exit_code(Errc code) noexcept {
  switch (code) {
    case Errc::kInternal:
      return 1;
    case Errc::kInvalidArgument:
      return 2;
    case Errc::kDenied:
      return 3;
    case Errc::kNotFound:
      return 4;
    case Errc::kAlreadyExists:
      return 5;
    case Errc::kConflict:
      return 6;
    case Errc::kUnsupported:
      return 7;
    case Errc::kUnavailable:
      return 8;
    case Errc::kTimeout:
      return 9;
    case Errc::kAuthFailed:
      return 10;
    case Errc::kCorrupt:
      return 11;
  }
  return 1;
}

}  // namespace poolkey::cli
