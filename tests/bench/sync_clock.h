// How long this process has waited for the disk: fsync, fdatasync and syncfs, of any library.
// May touch: the C library. Called by: rows whose work is durable.
#pragma once

namespace poolkey::bench {

struct SyncTotal {
  double seconds;
  long calls;
};

/// All since the process began. The program defines these functions itself, so that SQLite's
/// calls are counted as well; each goes to the kernel as it was asked.
SyncTotal synced();

}  // namespace poolkey::bench
