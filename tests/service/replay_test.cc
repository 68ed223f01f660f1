// What was sent once and is sent again, by whoever got hold of it: one-time codes, enrolment
// requests, receipts.
#include <gmock/gmock.h>

#include "base/file.h"
#include "live.h"

namespace poolkey::test {
namespace {

using testing::AnyOf;

const std::string kMembers = "/v1/pools/edge/members/";

class ReplayTest : public testing::Test {
 protected:
  void set_up(Stage stage) {
    d.emplace(Deployment::at(stage));
    service.emplace(*d);
  }
  std::string code_for(const std::string& member) const {
    const std::string file = d->path(member + ".code").string();
    d->must("origin", {"enrolment", "invite", "--pool", "edge", "--member", member, "--out", file});
    std::string code = read_file(file);
    while (code.ends_with('\n')) code.pop_back();
    return code;
  }
  http::Response enrol(const std::string& member, const std::string& code,
                       const std::string& body) const {
    return service->client().send(
        {.method = "POST",
         .url = service->url(kMembers + member + "/enrolment"),
         .headers = {{"Authorization", "Bearer " + code}, {"Content-Type", "application/json"}},
         .body = body});
  }
  std::string asked(const std::string& member) const {
    return read_file(d->path("mailbox/to-origin/enrolment.edge." + member + ".json"));
  }

  std::optional<Deployment> d;
  std::optional<LiveService> service;
};

TEST_F(ReplayTest, ACodeIsForOneMemberAndOneRequest) {
  set_up(Stage::kSetUp);
  for (const char* member : {"edge1", "edge2"}) d->must(member, {"member", "enrol"});
  const std::string first = asked("edge1"), second = asked("edge2");
  const std::string code = code_for("edge1");
  service->start();
  EXPECT_THAT(enrol("edge2", code, second).status, AnyOf(401, 403)) << "another member's path";
  EXPECT_THAT(enrol("edge1", code, second).status, AnyOf(400, 403)) << "another member's request";
  EXPECT_THAT(enrol("edge1", "AAAAA-AAAAA-AAAAA-AAAAA-AAAAA", first).status, AnyOf(401, 403));
  EXPECT_THAT(enrol("edge1", "", first).status, AnyOf(400, 401, 403));
  ASSERT_EQ(enrol("edge1", code, first).status, 202);
  EXPECT_EQ(enrol("edge1", code, first).status, 202) << "the same again is the same";
  // The member asks anew with the same keys: other octets.
  std::string other = first;
  other.insert(other.rfind('}'), " ");
  EXPECT_THAT(enrol("edge1", code, other).status, AnyOf(400, 403, 409));
  EXPECT_EQ(service->process().stop(), 0);
  d->must("origin", {"enrolment", "withdraw", "--pool", "edge", "--member", "edge1"});
  service->start();
  EXPECT_THAT(enrol("edge1", code, first).status, AnyOf(401, 403)) << "withdrawn";
  EXPECT_EQ(service->process().stop(), 0);
  EXPECT_TRUE(d->audit_is_whole());
}

TEST_F(ReplayTest, OldReceiptsChangeNothing) {
  set_up(Stage::kCertified);
  const std::string receipts = read_file(d->path("mailbox/to-origin/receipt.edge.edge1.json"));
  const std::string others = read_file(d->path("mailbox/to-origin/receipt.edge.edge2.json"));
  certify_member(*d, "edge1");
  const Shown officer = service->certify("operator");
  d->must("origin", {"pool", "challenge", "edge"});  // what they answer is over
  service->start();
  const LiveMember edge1(*d, "edge1");
  http::Client client = service->client(edge1.shown());
  const auto put = [&](const std::string& body) {
    return client.send({.method = "PUT",
                        .url = service->url(kMembers + "edge1/receipts"),
                        .headers = {{"Content-Type", "application/json"}},
                        .body = body});
  };
  const auto state = [&] {
    return service->client(officer).must({.url = service->url(kMembers + "edge1")}).body;
  };
  const std::string before = state();
  for (const std::string& body : {receipts, others, std::string("{}"), receipts + " "}) {
    const http::Response answer = put(body);
    EXPECT_TRUE(answer.status / 100 == 4 ||
                (answer.status == 200 && answer.body == "{\"taken\":0}\n"))
        << answer.status << " " << answer.body;
  }
  EXPECT_EQ(state(), before);
  EXPECT_EQ(service->process().stop(), 0);
  EXPECT_TRUE(d->audit_is_whole());
}

}  // namespace
}  // namespace poolkey::test
