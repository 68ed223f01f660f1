// systemd's protocol, with a real datagram socket at the other end.
#include "base/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "base/descriptor.h"
#include "process.h"
#include "tests/support/matchers.h"

namespace poolkey {
namespace {

using namespace std::chrono_literals;
using test::ThrowsErrc;

/// What systemd has at its end.
class Manager {
 public:
  /// An address as in NOTIFY_SOCKET.
  explicit Manager(const std::string& address) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, address.data(), address.size());
    if (address[0] == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
    EXPECT_EQ(::bind(fd_.fd(), reinterpret_cast<sockaddr*>(&at), size), 0);
    ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
  }
  /// The next message; empty if there is none.
  std::string next() const {
    std::array<char, 512> text{};
    const auto size = ::recv(fd_.fd(), text.data(), text.size(), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
  }

 private:
  Descriptor fd_;
};

class ServiceManagerTest : public testing::Test {
 protected:
  ServiceManagerTest() { clear(); }
  ~ServiceManagerTest() override { clear(); }
  static void clear() {
    for (const char* name : kNames) ::unsetenv(name);
  }
  static constexpr std::array kNames{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                     "LISTEN_FDS",    "LISTEN_PID",    "LISTEN_FDNAMES"};
  const std::string us_ = std::to_string(::getpid());
  test::Scratch folder_;
};

TEST_F(ServiceManagerTest, TellsByAPathAndByAnAbstractName) {
  for (const std::string& address : {(folder_ / "notify").string(), "@poolkey-test-" + us_}) {
    const Manager systemd(address);
    const auto manager = ServiceManager::from_environment();
    manager.ready("serving on 127.0.0.1:8443");
    EXPECT_EQ(systemd.next(), "READY=1\nSTATUS=serving on 127.0.0.1:8443");
    manager.reloading();
    EXPECT_THAT(systemd.next(), testing::MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
    manager.status("7 members");
    EXPECT_EQ(systemd.next(), "STATUS=7 members");
    manager.feed_watchdog();
    EXPECT_EQ(systemd.next(), "WATCHDOG=1");
    manager.stopping();
    EXPECT_EQ(systemd.next(), "STOPPING=1\nSTATUS=stopping");
    EXPECT_EQ(systemd.next(), "");
  }
}

TEST_F(ServiceManagerTest, PutsNothingIntoAStatusButOneLine) {
  const Manager systemd((folder_ / "notify").string());
  ServiceManager::from_environment().status("a\nREADY=1");
  EXPECT_EQ(systemd.next(), "STATUS=a READY=1");
}

TEST_F(ServiceManagerTest, LeavesNothingToProgramsItStarts) {
  const Manager systemd((folder_ / "notify").string());
  for (const char* name : kNames) ::setenv(name, name[0] == 'N' ? "@x" : "1", 1);
  ServiceManager::from_environment();
  for (const char* name : kNames) EXPECT_EQ(std::getenv(name), nullptr) << name;
}

TEST_F(ServiceManagerTest, IsSilentWithoutAManager) {
  const auto manager = ServiceManager::from_environment();
  manager.ready("x");
  manager.feed_watchdog();
  EXPECT_FALSE(manager.watchdog());
  EXPECT_TRUE(manager.sockets().empty());
}

TEST_F(ServiceManagerTest, GoesOnWhereNobodyListensAnyMore) {
  ::setenv("NOTIFY_SOCKET", (folder_ / "gone").c_str(), 1);
  EXPECT_NO_THROW(ServiceManager::from_environment().ready("x"));
}

TEST_F(ServiceManagerTest, RefusesAddressesOfAnotherKind) {
  for (const std::string& address :
       {std::string("vsock:2:1234"), std::string("relative"), "/" + std::string(200, 'x')}) {
    ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
    EXPECT_THAT([] { ServiceManager::from_environment(); }, ThrowsErrc(Errc::kUnsupported));
  }
}

TEST_F(ServiceManagerTest, FeedsTheWatchdogTwiceInItsTime) {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager::from_environment().watchdog(), 15s);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", us_.c_str(), 1);
  EXPECT_EQ(ServiceManager::from_environment().watchdog(), 15s);
}

TEST_F(ServiceManagerTest, LeavesTheWatchdogOfAnotherProcess) {
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager::from_environment().watchdog());
  for (const char* bad : {"0", "-5", "soon", ""}) {
    ::setenv("WATCHDOG_USEC", bad, 1);
    EXPECT_FALSE(ServiceManager::from_environment().watchdog()) << bad;
  }
}

TEST_F(ServiceManagerTest, TakesSocketsByName) {
  // In a process of its own, where 3 and 4 are free to be what systemd passes.
  const pid_t child = test::start_child([&] {
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) throw Error(Errc::kInternal, "");
    const int first = ::fcntl(pair[0], F_DUPFD, 20);
    const int second = ::fcntl(pair[1], F_DUPFD, 20);
    ::dup2(first, 3);
    ::dup2(second, 4);
    ::setenv("LISTEN_FDS", "2", 1);
    ::setenv("LISTEN_FDNAMES", "https:control", 1);
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    const auto manager = ServiceManager::from_environment();
    const auto& sockets = manager.sockets();
    if (sockets.size() != 2 || sockets[0].fd != 3 || sockets[0].name != "https" ||
        sockets[1].fd != 4 || sockets[1].name != "control")
      throw Error(Errc::kInternal, "the sockets are others");
    if ((::fcntl(3, F_GETFD) & FD_CLOEXEC) == 0)
      throw Error(Errc::kInternal, "programs would inherit it");
  });
  EXPECT_EQ(test::end_of(child), 0);
}

TEST_F(ServiceManagerTest, LeavesTheSocketsOfAnotherProcess) {
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PID", "1", 1);
  EXPECT_TRUE(ServiceManager::from_environment().sockets().empty());
}

}  // namespace
}  // namespace poolkey
