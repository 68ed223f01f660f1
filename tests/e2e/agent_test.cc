// The network: a real service and real agents.
#include <gmock/gmock.h>
#include <signal.h>

#include "e2e/network.h"

namespace poolkey::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(AgentTest, EnrolsReceivesProvesAndInstalls) {
  Network net(Deployment::at(Stage::kSetUp, 2));
  net.serve();
  for (const std::string& m : net.d.members()) net.join(m);
  for (const std::string& m : net.d.members()) net.start_agent(m);
  net.d.must("origin", net.d.generate());
  net.d.must("origin", net.d.release());
  EXPECT_TRUE(net.all_hold("av@1")) << net.service().log() << net.agent("edge1").log();
}

}  // namespace
}  // namespace poolkey::test
