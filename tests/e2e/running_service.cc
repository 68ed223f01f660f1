#include "e2e/running_service.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>
#include <stdexcept>
#include <thread>

#include "base/file.h"

namespace poolkey::test {
namespace {

using namespace std::chrono_literals;

pid_t start(const Words& words, const std::string& log) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setsid();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv.front(), argv.data());
  ::_exit(127);
}

bool ended_within(pid_t process, std::chrono::seconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (::waitpid(process, nullptr, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

}  // namespace

RunningService::RunningService(const Deployment& d, const std::string& access) : d_(d) {
  write_file(d.path("service.pin"), "31415926", 0600);
  d.must("origin", {"service", "init", "--name", "localhost", "--address", "127.0.0.1",
                    "--service-pin", "file:" + d.path("service.pin").string()});
  // The tests' own verbs are run by the service as well.
  write_file(d.path("access.toml"),
             access +
                 "\n[[bind]]\nrole = \"security-officer\"\naccounts = [\"root\"]\n"
                 "pools = [\"*\"]\nprofiles = [\"*\"]\n");
  std::filesystem::remove(d.path("serve.log"));
  process_ = start({POOLKEY_PROGRAM, "--home", d.home("origin").string(), "serve", "--listen",
                    "127.0.0.1:0", "--access", d.path("access.toml").string()},
                   d.path("serve.log").string());
  const std::regex address("Serving on 127\\.0\\.0\\.1:([0-9]+)");
  for (const auto until = std::chrono::steady_clock::now() + 20s; url_.empty();) {
    const std::string said = log();
    std::smatch found;
    if (std::regex_search(said, found, address)) {
      url_ = "https://localhost:" + found[1].str();
    } else if (std::chrono::steady_clock::now() > until ||
               ::waitpid(process_, nullptr, WNOHANG) != 0) {
      ::kill(process_, SIGKILL);
      throw std::runtime_error("the service does not answer: " + said);
    } else {
      std::this_thread::sleep_for(20ms);
    }
  }
}

RunningService::~RunningService() {
  ::kill(process_, SIGTERM);
  if (ended_within(process_, 10s)) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

std::string RunningService::log() const {
  const std::filesystem::path file = d_.path("serve.log");
  return std::filesystem::exists(file) ? read_file(file) : "";
}

}  // namespace poolkey::test
