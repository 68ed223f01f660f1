// The text of windows_install.ps1, built in.
// May touch: nothing. Called by: windows.
#pragma once

#include <string_view>

namespace poolkey::pool {

extern const std::string_view kWindowsInstall;

}  // namespace poolkey::pool
