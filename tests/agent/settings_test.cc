#include "agent/settings.h"

#include "base/file.h"
#include "tests/base/process.h"
#include "tests/support/matchers.h"

namespace poolkey::agent {
namespace {

using namespace std::chrono_literals;
using test::Scratch;
using test::ThrowsErrc;

TEST(SettingsTest, ReadsWhatItWrites) {
  const Scratch home;
  EXPECT_FALSE(has_settings(home.path()));
  EXPECT_THAT([&] { read_settings(home.path()); }, ThrowsErrc(Errc::kNotFound, "agent enrol"));
  write_settings(home.path(), {.servers = {"https://a:8443", "https://[::1]"}, .check = 7s});
  const Settings read = read_settings(home.path());
  EXPECT_EQ(read.servers, (std::vector<std::string>{"https://a:8443", "https://[::1]"}));
  EXPECT_EQ(read.check, 7s);
  EXPECT_EQ(read.wait, Settings{}.wait);
}

TEST(SettingsTest, NamesEveryFault) {
  const Scratch home;
  write_file(home / "agent.toml",
             "version = 1\nservers = [\"http://a\"]\nwait_seconds = 0\nchek_seconds = 3\n");
  for (const char* part : {":2:", ":3:", ":4:", "check_seconds"})
    EXPECT_THAT([&] { read_settings(home.path()); }, ThrowsErrc(Errc::kInvalidArgument, part));
  write_file(home / "agent.toml", "version = 1\nservers = []\n");
  EXPECT_THAT([&] { read_settings(home.path()); }, ThrowsErrc(Errc::kInvalidArgument, "no server"));
}

TEST(SettingsTest, AServerIsHttpsAndNoMore) {
  EXPECT_EQ(checked_server("https://origin.contoso.com:8443/"), "https://origin.contoso.com:8443");
  for (const char* bad : {"", "https://", "http://a", "https://a/v1", "https://user@a",
                          "https://a?b", "https://a\r\nX: y", "origin:8443"})
    EXPECT_THAT([&] { checked_server(bad); }, ThrowsErrc(Errc::kInvalidArgument)) << bad;
}

}  // namespace
}  // namespace poolkey::agent
