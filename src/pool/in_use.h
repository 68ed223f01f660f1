// Who signs with a copy of a replica. A process that made a copy in its session holds a shared lock
// on the key's file as long as it has it (home::in_use_file), and the kernel lets it go with the
// process. May touch: home. Called by: deliver, retire, prove.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace poolkey::pool {

/// Makes the file that processes lock. May be called again.
void expect_use(const std::filesystem::path& state_folder, ByteView cka_id);
/// "nginx (pid 12)", as far as this user may know; "a process" where it may not. Empty: nobody.
std::vector<std::string> processes_using(const std::filesystem::path& state_folder,
                                         ByteView cka_id);
/// Removes the file.
void end_use(const std::filesystem::path& state_folder, ByteView cka_id);

}  // namespace poolkey::pool
