// Files of somebody else's process, by the names that he gave them: what a verb that runs in the
// service reads and writes instead of its own disk. May touch: std. Called by: file (reading and
// writing), cli.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace poolkey {

struct WrittenFile {
  std::string content;
  mode_t mode = 0644;
};

/// While it lives, this thread's read_file() of a name in `lent` gives what was lent, and its
/// write_file() to a name in `wanted` goes to `written`. Names are compared as they were given, and
/// as absolute paths; all other files are this process's own.
class LentFiles {
 public:
  LentFiles(std::map<std::string, std::string> lent, const std::vector<std::string>& wanted);
  LentFiles(const LentFiles&) = delete;
  LentFiles& operator=(const LentFiles&) = delete;
  ~LentFiles();

  /// By the names that were wanted.
  const std::map<std::string, WrittenFile>& written() const { return written_; }

  // For read_file() and write_file():
  static const std::string* find(const std::string& path);
  static bool take(const std::string& path, std::string content, mode_t mode);

 private:
  std::map<std::string, std::string> lent_;    ///< by absolute path
  std::map<std::string, std::string> wanted_;  ///< absolute path -> name
  std::map<std::string, WrittenFile> written_;
  LentFiles* before_;
};

}  // namespace poolkey
