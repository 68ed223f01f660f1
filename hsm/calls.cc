#include "hsm/calls.h"

#include "hsm/rv.h"

namespace poolkey::hsm {
namespace {

using std::chrono::steady_clock;

}  // namespace

CallInProgress::CallInProgress(const Calls& calls, const char* function) noexcept
    : calls_(calls), function_(function), start_(steady_clock::now()), place_(Calls::kPlaces) {
  if (!calls_.watched_) return;
  for (std::size_t i = 0; i < Calls::kPlaces; ++i) {
    const char* nobody = nullptr;
    if (!calls_.places_[i].function.compare_exchange_strong(nobody, function_)) continue;
    calls_.places_[i].since = start_.time_since_epoch().count();
    place_ = i;
    return;
  }
}

CallInProgress::~CallInProgress() {
  if (place_ < Calls::kPlaces) {
    calls_.places_[place_].since = 0;
    calls_.places_[place_].function = nullptr;
  }
}

CK_RV CallInProgress::ended(CK_RV rv) const {
  if (Log::should_log(LogLevel::kDebug))
    log("hsm").debug(
        "{} {} {} us", function_, rv_name(rv),
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start_)
            .count());
  return rv;
}

std::optional<const char*> Calls::overdue(std::chrono::milliseconds limit) const {
  const auto latest = (steady_clock::now() - limit).time_since_epoch().count();
  for (const Place& place : places_) {
    const char* function = place.function;
    const auto since = place.since.load();
    if (function != nullptr && since != 0 && since < latest) return function;
  }
  return std::nullopt;
}

}  // namespace poolkey::hsm
