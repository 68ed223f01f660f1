// The network under kills, wrong clocks and ended certificates: whatever is killed whenever, a
// release reaches everybody, once.
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>
#include <random>
#include <thread>

#include "base/file.h"
#include "e2e/network.h"

namespace poolkey::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// POOLKEY_KILLS makes the tests that kill at random do so more often.
int kills() {
  const char* wanted = std::getenv("POOLKEY_KILLS");
  return wanted == nullptr ? 6 : std::atoi(wanted);
}

class NetworkKillTest : public testing::Test {
 protected:
  NetworkKillTest() : net(Deployment::at(Stage::kSetUp, 2)) {
    net.serve();
    net.join_all();
  }
  std::chrono::milliseconds some(int most) {
    return std::chrono::milliseconds(std::uniform_int_distribution<int>(0, most)(random));
  }
  std::string logs() {
    std::string out = net.service().log();
    for (const std::string& m : net.d.members())
      if (const auto file = net.d.path("agent-" + m + ".log"); std::filesystem::exists(file))
        out += m + ":\n" + read_file(file);
    return out.size() > 6000 ? out.substr(out.size() - 6000) : out;
  }

  std::mt19937 random{std::random_device{}()};
  Network net;
};

TEST_F(NetworkKillTest, AReleaseReachesEverybodyWhateverIsKilled) {
  for (const std::string& m : net.d.members()) net.start_agent(m);
  for (int i = 1; i <= kills(); ++i) {
    const std::string version = "av@" + std::to_string(i);
    net.d.must("origin", net.d.generate());
    net.d.must("origin", net.d.release(version));
    std::this_thread::sleep_for(some(800));
    if (i % 2 == 0) net.service().kill();
    net.agent("edge1").kill();
    std::this_thread::sleep_for(some(300));
    net.start_agent("edge1");
    if (i % 2 == 0) net.serve();
    std::this_thread::sleep_for(some(800));
    net.agent("edge2").kill();
    net.start_agent("edge2");
    ASSERT_TRUE(net.all_hold(version)) << version << "\n" << logs();
  }
  for (const std::string& m : net.d.members()) {
    EXPECT_EQ(net.agent(m).stop(), 0);
    EXPECT_EQ(net.d.objects(m, "privkey").size(), 2U + unsigned(kills())) << m;
    EXPECT_TRUE(net.d.unfinished(m).empty()) << m;
  }
  EXPECT_EQ(net.service().stop(), 0) << logs();
  EXPECT_TRUE(net.d.audit_is_whole());
}

TEST_F(NetworkKillTest, AWrongClockIsToldOnBothSides) {
  const auto start = [&](const std::string& offset) {
    return Background(at_time(offset, {POOLKEY_PROGRAM, "--home", net.d.home("edge1").string(),
                                       "--log-level", "info", "agent", "run"}),
                      net.d.path("agent-edge1.log"));
  };
  const Background agent = start("+300s");
  const auto skew = [&] {
    return net.d.count("origin", "report WHERE member = 'edge1' AND skew_seconds > 250");
  };
  EXPECT_TRUE(within(20s, [&] { return skew() == 1; })) << logs();
  EXPECT_THAT(agent.log(), HasSubstr("before the origin's"));
}

TEST_F(NetworkKillTest, AnEndedCertificateIsRenewedForNinetyDays) {
  const auto file = net.d.home("edge1") / "agent/certificate.pem";
  const std::string first = read_file(file);
  net.service().stop();
  const auto agent_at = [&](const std::string& offset) {
    return Background(at_time(offset, {POOLKEY_PROGRAM, "--home", net.d.home("edge1").string(),
                                       "--log-level", "info", "agent", "run"}),
                      net.d.path("agent-edge1.log"));
  };
  net.serve(at_time("+60d"));  // it was given for 30
  const Background agent = agent_at("+60d");
  EXPECT_TRUE(within(20s, [&] { return read_file(file) != first; })) << agent.log() << logs();
  EXPECT_TRUE(within(20s, [&] {
    return net.d.count("origin", "report WHERE member = 'edge1'") == 1;
  })) << agent.log();
}

TEST_F(NetworkKillTest, AnAgentOutlivesItsToken) {
  net.start_agent("edge1");
  ASSERT_TRUE(within(20s, [&] {
    return net.d.count("origin", "report WHERE member = 'edge1'") == 1;
  })) << logs();
  // The token's files go, and come back.
  const auto tokens = net.d.home("edge1") / "tokens", away = net.d.path("away");
  std::filesystem::rename(tokens, away);
  net.d.must("origin", net.d.generate());
  net.d.must("origin", net.d.release());
  EXPECT_TRUE(within(20s, [&] {
    return net.agent("edge1").log().find("opened again") != std::string::npos;
  })) << logs();
  std::filesystem::remove_all(tokens);
  std::filesystem::rename(away, tokens);
  net.start_agent("edge2");
  EXPECT_TRUE(net.all_hold("av@1", 40s)) << logs();
  EXPECT_TRUE(net.agent("edge1").runs());
}

}  // namespace
}  // namespace poolkey::test
