// The table "Which client needs what", as Markdown. Called by: the program's --table, a test.
#pragma once

#include <functional>
#include <string>

namespace poolkey::clients {

/// The table with its notes. `passed` is asked for the name of each case; a cell with one that did
/// not says FAILED.
std::string table(const std::function<bool(const std::string&)>& passed);

}  // namespace poolkey::clients
