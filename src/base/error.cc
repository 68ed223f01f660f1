#include "base/error.h"

#include <array>

namespace poolkey {
namespace {

struct Row {
  Errc code;
  std::string_view name;
  bool retryable;
};

constexpr std::array kRows{
    Row{Errc::kInvalidArgument, "invalid-argument", false},
    Row{Errc::kDenied, "denied", false},
    Row{Errc::kNotFound, "not-found", false},
    Row{Errc::kAlreadyExists, "already-exists", false},
    Row{Errc::kConflict, "conflict", true},
    Row{Errc::kUnsupported, "unsupported", false},
    Row{Errc::kUnavailable, "unavailable", true},
    Row{Errc::kTimeout, "timeout", true},
    Row{Errc::kAuthFailed, "auth-failed", false},
    Row{Errc::kCorrupt, "corrupt", false},
    Row{Errc::kInternal, "internal", false},
};

const Row& row(Errc code) noexcept {
  for (const Row& r : kRows)
    if (r.code == code) return r;
  return kRows.back();
}

}  // namespace

std::string_view name(Errc code) noexcept { return row(code).name; }
bool is_retryable(Errc code) noexcept { return row(code).retryable; }

}  // namespace poolkey
