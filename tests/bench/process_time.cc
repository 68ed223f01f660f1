#include "bench/process_time.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "bench/rows.h"

namespace poolkey::bench {
namespace {

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& string : strings) out.push_back(string.data());
  return out;
}

}  // namespace

double process_seconds(std::vector<std::string> words, const std::string& input,
                       std::vector<std::string> variables) {
  std::vector<char*> arguments = pointers(words), environment = pointers(variables);
  arguments.push_back(nullptr);
  for (char** variable = environ; *variable != nullptr; ++variable)
    environment.push_back(*variable);
  environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, input.c_str(), O_RDONLY, 0);
  for (const int out : {STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&files, out, "/dev/null", O_WRONLY, 0);
  int status = -1;
  const double out = seconds_of([&] {
    pid_t child = -1;
    if (::posix_spawn(&child, arguments[0], &files, nullptr, arguments.data(),
                      environment.data()) == 0)
      ::waitpid(child, &status, 0);
  });
  ::posix_spawn_file_actions_destroy(&files);
  if (status != 0) throw Error(Errc::kInternal, "'" + words[0] + "' failed");
  return out;
}

}  // namespace poolkey::bench
