#include "hsm/quirks.h"

#include <algorithm>
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

Quirks quirks_for(std::string_view manufacturer, const std::filesystem::path& file) {
  Quirks out = *std::ranges::find_if(
      kRows, [&](const Quirks& row) { return manufacturer.starts_with(row.manufacturer); });
  std::error_code none;
  const std::filesystem::path real = std::filesystem::canonical(file, none);
  out.one_thread_at_a_time = real.filename().string().starts_with("p11-kit-");
  return out;
}

}  // namespace poolkey::hsm
