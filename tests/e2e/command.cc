#include "e2e/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/process.h"

namespace poolkey::test {
namespace {

constexpr std::size_t kMaxOutput = std::size_t{1} << 30;
constexpr uid_t kNobody = 65534;

void redirect(const std::filesystem::path& from, int flags, int to) {
  const int fd = ::open(from.c_str(), flags, 0600);
  if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(126);
  if (fd != to) ::close(fd);
}

[[noreturn]] void become(const Command& command, const Scratch& scratch) {
  ::setsid();  // no terminal to ask for a PIN at, and one group to kill
  redirect("/dev/null", O_RDONLY, 0);
  redirect(scratch / "out", O_WRONLY | O_CREAT, 1);
  redirect(scratch / "err", O_WRONLY | O_CREAT, 2);
  if (!command.third.empty()) redirect(command.third, O_RDONLY, 3);
  for (const auto& [name, value] : command.environment)
    ::setenv(name.c_str(), value.c_str(), /*overwrite=*/1);
  if (command.largest_file) {
    const rlimit limit{*command.largest_file, *command.largest_file};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);  // so that write() fails, as it does on a full disk
  }
  if (command.as_nobody && ::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0))
    ::_exit(126);
  std::vector<char*> words;
  for (const std::string& word : command.words) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execvp(words.front(), words.data());
  ::_exit(127);
}

/// Waits for the end, or makes one.
int end_within(pid_t child, std::chrono::microseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::min<std::chrono::microseconds>(
        std::chrono::milliseconds(2),
        std::chrono::ceil<std::chrono::microseconds>(deadline - std::chrono::steady_clock::now())));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// What faketime(1) leaves where it is killed bears the number of its process, and stops the next
/// one that is given it.
void forget_dead_clocks() {
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    const std::string name = entry.path().filename().string();
    const auto at = name.find("faketime_s");
    const auto number = at == std::string::npos ? at : name.find_last_of('_');
    if (number == std::string::npos) continue;
    std::error_code ignored;  // another test may be at it
    if (!std::filesystem::exists("/proc/" + name.substr(number + 1), ignored))
      std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace

std::string Outcome::text() const {
  return "exit status " + std::to_string(status) + "\n" + out + err;
}

Outcome run(const Command& command) {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) become(command, scratch);
  const int status = end_within(child, command.limit);
  const auto said = [&](const char* stream) {
    return std::filesystem::exists(scratch / stream) ? read_file(scratch / stream, kMaxOutput) : "";
  };
  return {status, said("out"), said("err")};
}

Outcome shell(const std::string& line, const std::map<std::string, std::string>& environment) {
  return run({.words = {"bash", "-o", "pipefail", "-c", line}, .environment = environment});
}

testing::AssertionResult succeeded(const Outcome& outcome) {
  if (outcome.status == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << outcome.text();
}

testing::AssertionResult refused(const Outcome& outcome, int status,
                                 const std::vector<std::string>& words) {
  if (outcome.status != status)
    return testing::AssertionFailure() << "not " << status << ", but " << outcome.text();
  for (const std::string& word : words)
    if ((outcome.out + outcome.err).find(word) == std::string::npos)
      return testing::AssertionFailure() << "no '" << word << "' in: " << outcome.text();
  return testing::AssertionSuccess();
}

std::vector<std::string> at_time(const std::string& time, std::vector<std::string> words) {
  forget_dead_clocks();
  words.insert(words.begin(), {"faketime", "-f", time});
  return words;
}

}  // namespace poolkey::test
