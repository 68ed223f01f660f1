// The limits of the access policy, as callers meet them.
#include <gmock/gmock.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "live.h"

namespace poolkey::test {
namespace {

TEST(LimitsLiveTest, HoldEachCallerAndOutliveARestart) {
  Deployment d = Deployment::at(Stage::kEnrolled);
  LiveService service(d, R"(version = 1
[[bind]]
role = "requester"
clients = ["few"]
pools = ["*"]
profiles = ["*"]
requests_per_second = 1
burst = 20
signatures_per_day = 3

[[bind]]
role = "auditor"
clients = ["other"]
pools = ["*"]
)");
  d.must("origin", configure_ca(d));
  std::vector<std::string> csrs;
  for (const char* name : {"a", "b", "c", "d"}) csrs.push_back(read_file(foreign_request(d, name)));
  const Shown few = service.certify("few");
  const Shown other = service.certify("other");
  const auto sign = [&](const std::string& csr) {
    return service.client(few).send(
        {.method = "POST",
         .url = service.url("/v1/certificates"),
         .headers = {{"Content-Type", "application/json"}},
         .body = json::compact(json::object{{"profile", "web-server"}, {"csr", csr}})});
  };

  service.start();
  EXPECT_EQ(sign(csrs[0]).status, 201);
  EXPECT_EQ(sign(csrs[0]).status, 200) << "the same again is not signed again";
  EXPECT_EQ(sign("no request at all").status, 400) << "what fails is not counted";
  EXPECT_EQ(sign(csrs[1]).status, 201);
  EXPECT_EQ(service.process().stop(), 0);
  service.start();
  EXPECT_EQ(sign(csrs[2]).status, 201);
  const http::Response used_up = sign(csrs[3]);
  EXPECT_EQ(used_up.status, 429) << used_up.body;
  EXPECT_GT(std::stoi(used_up.header("retry-after")), 0);
  EXPECT_LE(std::stoi(used_up.header("retry-after")), 24 * 3600);

  http::Client client = service.client(few);
  int refused = 0;
  for (int i = 0; i < 40; ++i) {
    const http::Response answer = client.send({.url = service.url("/v1/policies")});
    if (answer.status == 429) {
      ++refused;
      EXPECT_EQ(answer.header("retry-after"), "1");
    }
  }
  EXPECT_GT(refused, 15);
  EXPECT_EQ(service.client(other).send({.url = service.url("/v1/pools")}).status, 200)
      << "others are not held back";
  EXPECT_EQ(service.process().stop(), 0);
}

/// A policy that is read again holds for calls on connections that are open, too.
TEST(LimitsLiveTest, FollowTheAccessPolicyWhenItIsReadAgain) {
  Deployment d = Deployment::at(Stage::kEnrolled);
  LiveService service(d);
  const Shown auditor = service.certify("auditor");
  service.start();
  http::Client client = service.client(auditor);
  const auto status = [&] { return client.send({.url = service.url("/v1/pools")}).status; };
  EXPECT_EQ(status(), 200);
  const auto policy = d.home("origin") / "access.toml";
  write_file(policy, std::string_view("version = 1\n[[bind]]\nrole = \"auditer\"\n"));
  service.process().signal(SIGHUP);
  EXPECT_TRUE(within(10s, [&] {
    return service.process().log().find("nothing was changed") != std::string::npos;
  })) << "a policy with faults is not taken";
  EXPECT_EQ(status(), 200);
  write_file(policy, std::string_view("version = 1\n"));
  service.process().signal(SIGHUP);
  EXPECT_TRUE(within(10s, [&] { return status() == 403; }));
  EXPECT_EQ(service.process().stop(), 0);
}

}  // namespace
}  // namespace poolkey::test
