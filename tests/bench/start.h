// The program that the rows of starting are compared with.
// May touch: hsm. Called by: main.
#pragma once

#include <string>

namespace poolkey::bench {

/// "--raw-start LABEL ID": logs in with the PIN on standard input, finds the EC key with this
/// CKA_ID, signs once and ends.
int raw_start(const std::string& label, const std::string& id);

}  // namespace poolkey::bench
