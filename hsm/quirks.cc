#include "hsm/quirks.h"

#include <array>

namespace poolkey::hsm {
namespace {

constexpr std::array kRows{
    Quirks{.profile = "softhsm-2.6",
           .manufacturer = "SoftHSM",
           .needs_process_lock = true,
           .login_rewrites_token = true,
           .reload_before_missing = true,
           .creates_in_pieces = true,
           .sync_token_files = true},
    Quirks{.profile = "nss-softokn", .manufacturer = "Mozilla Foundation"},
    Quirks{.profile = "standard", .manufacturer = ""},
};

}  // namespace

const Quirks& quirks_for(std::string_view manufacturer) {
  for (const Quirks& row : kRows)
    if (manufacturer.starts_with(row.manufacturer)) return row;
  return kRows.back();
}

}  // namespace poolkey::hsm
