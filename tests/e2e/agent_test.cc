// The network: a real service and real agents, which enrol, receive, prove and install; and what
// neither of them may do.
#include <gmock/gmock.h>
#include <signal.h>

#include <thread>

#include "base/file.h"
#include "e2e/network.h"

namespace poolkey::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

/// "200 BODY"
std::string status_of(const Outcome& outcome) { return outcome.out + outcome.err; }
constexpr const char* kStatus = " -o /dev/null -w '%{http_code}' ";

class AgentTest : public testing::Test {
 protected:
  explicit AgentTest(std::size_t members = 2) : net(Deployment::at(Stage::kSetUp, members)) {
    net.serve();
  }
  void start_all() {
    for (const std::string& m : net.d.members()) net.start_agent(m);
  }
  void release(const std::string& version = "av@1") {
    net.d.must("origin", net.d.release(version));
  }
  /// What all logs say, for a test that fails.
  std::string logs() {
    std::string out = net.service().log();
    for (const std::string& m : net.d.members())
      if (const auto file = net.d.path("agent-" + m + ".log"); std::filesystem::exists(file))
        out += m + ":\n" + read_file(file);
    return out.size() > 6000 ? out.substr(out.size() - 6000) : out;
  }
  bool installed(const std::string& member) const {
    return std::filesystem::exists(net.d.home(member) / "tls" / "av" / "certificate.pem");
  }

  Network net;
};

TEST_F(AgentTest, EnrolsReceivesProvesAndInstalls) {
  net.join_all();
  start_all();
  net.d.must("origin", net.d.generate());
  release();
  EXPECT_TRUE(net.all_hold("av@1")) << logs();
  net.d.must("origin", {"pool", "attest", "edge", "--out", net.d.path("out/a.cms").string()});
  net.d.must("origin", net.d.create_request());
  net.d.must("origin", net.d.issue());
  net.d.must("origin", {"certificate", "publish", "av@1"});
  for (const std::string& m : net.d.members()) {
    EXPECT_TRUE(within(20s, [&] { return installed(m); })) << logs();
    EXPECT_TRUE(net.d.mail(m, "").empty() ||
                !std::filesystem::exists(net.d.mail(m, "envelope.av@1.cms")))
        << "a taken envelope is deleted at the service";
    EXPECT_EQ(net.agent(m).stop(), 0);
  }
  EXPECT_EQ(net.service().stop(), 0) << logs();
  EXPECT_TRUE(net.d.audit_is_whole());
}

TEST_F(AgentTest, ComparesBothFingerprints) {
  const std::string code = net.invite("edge1");
  const Outcome wrong_root =
      net.d.on("edge1", {"agent", "enrol", "--server", net.server(), "--root", std::string(64, '0'),
                         "--code", "file:" + code});
  EXPECT_TRUE(refused(wrong_root, 3, {"does not show the root"}));
  const Outcome asked = net.enrol("edge1", code);
  ASSERT_TRUE(succeeded(asked));
  EXPECT_THAT(asked.out, HasSubstr("enrolment admit edge1"));
  EXPECT_TRUE(refused(net.d.on("origin", {"enrolment", "admit", "edge1", "--pool", "edge",
                                          "--fingerprint", std::string(64, '0')}),
                      3));
  EXPECT_TRUE(refused(net.d.on("edge1", {"agent", "run"}), 4, {"agent enrol"}));
  net.d.must("origin", net.d.admit("edge1"));
  EXPECT_TRUE(succeeded(net.enrol("edge1", code)));
  EXPECT_TRUE(succeeded(net.enrol("edge1", code))) << "the same once more comes to the same";
}

TEST_F(AgentTest, WaitsForItsAdmission) {
  const std::string code = net.invite("edge1");
  Background waiting(
      {POOLKEY_PROGRAM, "--home", net.d.home("edge1").string(), "agent", "enrol", "--server",
       net.server(), "--root", net.root_sha256(), "--code", "file:" + code, "--wait"},
      net.d.path("enrol.log"));
  ASSERT_TRUE(within(10s, [&] {
    return waiting.log().find("enrolment admit edge1") != std::string::npos;
  })) << waiting.log();
  net.d.must("origin", net.d.admit("edge1"));
  EXPECT_TRUE(within(10s, [&] { return !waiting.runs(); })) << waiting.log();
  EXPECT_EQ(waiting.stop(), 0) << waiting.log();
}

TEST_F(AgentTest, RefusesWrongAndUsedCodes) {
  const std::string code = net.invite("edge1");
  write_file(net.d.path("pins/wrong"), "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE\n", 0600);
  EXPECT_TRUE(refused(net.enrol("edge1", net.d.path("pins/wrong").string()), 3));
  EXPECT_TRUE(refused(net.enrol("edge2", code), 3)) << "another member's";
  ASSERT_TRUE(succeeded(net.enrol("edge1", code)));
  // The code is bound to that request now.
  const std::string bearer = " -H 'Authorization: Bearer " + replaced(read_file(code), "\n", "") +
                             "' -H 'Content-Type: application/json' ";
  const std::string url = " '" + net.url_of("edge1") + "/enrolment' ";
  const std::string same = net.d.path("mailbox-edge1/to-origin/enrolment.edge.edge1.json").string();
  EXPECT_EQ(status_of(net.curl(kStatus + bearer + "--data-binary @" + same + url)), "202");
  write_file(net.d.path("out/other.json"), read_file(same) + " ");
  EXPECT_EQ(status_of(net.curl(kStatus + bearer + "--data-binary @" +
                               net.d.path("out/other.json").string() + url)),
            "409");
  EXPECT_EQ(status_of(net.curl(std::string(kStatus) +
                               "-H 'Content-Type: application/json' -d '{}'" + url)),
            "401");
  EXPECT_THAT(status_of(net.curl(kStatus + bearer + "-d '{}'" + url)), "400");
  // Nobody admitted it.
  EXPECT_THAT(net.curl(bearer + url).out, HasSubstr("pending"));
}

TEST_F(AgentTest, GivesNobodyWhatIsForAnother) {
  net.join_all();
  net.d.must("origin", net.d.generate());
  release();
  const auto url = [&](const std::string& member, const std::string& path) {
    return " '" + net.url_of(member) + path + "' ";
  };
  EXPECT_THAT(net.curl_as("edge1", url("edge1", "/documents")).out, HasSubstr("envelope.av@1.cms"));
  EXPECT_EQ(status_of(net.curl_as("edge1", kStatus + url("edge1", "/documents/envelope.av@1.cms"))),
            "200");
  for (const char* call :
       {"/documents", "/documents/envelope.av@1.cms", "/documents/statement.cms"}) {
    EXPECT_EQ(status_of(net.curl_as("edge1", kStatus + url("edge2", call))), "403") << call;
    EXPECT_EQ(status_of(net.curl(kStatus + url("edge2", call))), "401") << call;
  }
  for (const char* call : {"-X DELETE -H 'If-Match: \"x\"'", "-X PUT -d '{}'"})
    EXPECT_THAT(status_of(net.curl_as("edge1", kStatus + std::string(call) +
                                                   url("edge2", "/documents/envelope.av@1.cms"))),
                testing::AnyOf("403", "405"))
        << call;
  for (const char* call : {"/challenge", "/certificate", "/certificate?force"})
    EXPECT_EQ(status_of(net.curl_as("edge1", kStatus + ("-X POST" + url("edge2", call)))), "403")
        << call;
  for (const char* path : {"/documents/..%2f..%2fedge2%2fstatement.cms", "/documents/nothing.cms"})
    EXPECT_THAT(status_of(net.curl_as("edge1", kStatus + url("edge1", path))),
                testing::AnyOf("400", "404"))
        << path;
  // Its own, but not as it lies there now; and what is no envelope stays.
  EXPECT_EQ(
      status_of(net.curl_as("edge1", std::string(kStatus) + "-X DELETE -H 'If-Match: \"00\"'" +
                                         url("edge1", "/documents/envelope.av@1.cms"))),
      "412");
  EXPECT_EQ(status_of(net.curl_as("edge1", std::string(kStatus) + "-X DELETE -H 'If-Match: *'" +
                                               url("edge1", "/documents/statement.cms"))),
            "400");
}

TEST_F(AgentTest, AReplayedReceiptProvesNothing) {
  net.join_all();
  net.d.must("origin", net.d.generate());
  release();
  start_all();
  ASSERT_TRUE(net.all_hold("av@1")) << logs();
  for (const std::string& m : net.d.members()) net.kill_agent(m);
  const std::string old = net.d.path("mailbox-edge1/to-origin/receipt.edge.edge1.json").string();
  const std::string put = " -X PUT -H 'Content-Type: application/json' --data-binary @" + old +
                          " '" + net.url_of("edge1") + "/receipts' ";
  EXPECT_EQ(net.curl_as("edge1", put).out, "{\"taken\":0}\n");
  net.d.must("origin", {"pool", "challenge", "edge"});
  EXPECT_EQ(net.curl_as("edge1", put).out, "{\"taken\":0}\n");
  EXPECT_EQ(net.d.replica("edge1"), "unknown");
  // Another member's answer, and one that was changed.
  EXPECT_THAT(net.curl_as("edge2",
                          " -w '%{http_code}' -X PUT -H 'Content-Type: application/json' "
                          "--data-binary @" +
                              old + " '" + net.url_of("edge2") + "/receipts'")
                  .out,
              HasSubstr("not signed by the identity key"));
  EXPECT_EQ(net.d.replica("edge2"), "unknown");
}

TEST_F(AgentTest, TellsTheOriginOfALostKeyAndGetsItAgain) {
  net.join_all();
  net.d.must("origin", net.d.generate());
  release();
  start_all();
  ASSERT_TRUE(net.all_hold("av@1")) << logs();
  const auto proofs = net.d.count("origin", "receipt WHERE member = 'edge1'");
  ASSERT_EQ(net.d.pkcs11_tool("edge1", "--delete-object --type privkey --label av@1").status, 0);
  EXPECT_TRUE(within(20s, [&] {
    return net.d.count("origin", "receipt WHERE member = 'edge1' AND state = 'absent'") > 0;
  })) << logs();
  EXPECT_TRUE(within(20s, [&] {
    return net.d.count("origin", "receipt WHERE member = 'edge1'") >= proofs + 2 &&
           net.d.replica("edge1") == "present";
  })) << logs();
}

TEST_F(AgentTest, ComesBackAfterTheServiceAndAfterItself) {
  net.join_all();
  start_all();
  net.d.must("origin", net.d.generate());
  net.service().kill();
  release();
  std::this_thread::sleep_for(1500ms);
  net.serve();
  EXPECT_TRUE(net.all_hold("av@1")) << logs();
  for (const std::string& m : net.d.members()) {
    EXPECT_THAT(net.agent(m).log(), HasSubstr("the service answers again"));
    net.kill_agent(m);
  }
  net.d.must("origin", net.d.generate());
  release("av@2");
  start_all();
  EXPECT_TRUE(net.all_hold("av@2")) << logs();
  net.agent("edge1").signal(SIGHUP);
  EXPECT_TRUE(within(5s, [&] { return net.agent("edge1").runs(); }));
  EXPECT_EQ(net.agent("edge1").stop(3s), 0) << logs();
}

TEST_F(AgentTest, RollsAKeyWithNobodyAtTheMembers) {
  net.join_all();
  start_all();
  net.d.must("origin", net.d.generate());
  release();
  ASSERT_TRUE(net.all_hold("av@1")) << logs();
  net.d.must("origin", {"pool", "attest", "edge", "--out", net.d.path("out/a.cms").string()});
  net.d.must("origin", net.d.create_request());
  net.d.must("origin", net.d.issue());
  net.d.must("origin", {"certificate", "publish", "av@1"});
  net.d.must("origin", {"rollover", "start", "av", "--pool", "edge", "--reason", "a test"});
  release("av@2");
  // The service requests the certificate, publishes it, and sets the date once all have proven it.
  EXPECT_TRUE(
      within(90s, [&] { return net.d.count("origin", "rollover WHERE state = 'armed'") == 1; }))
      << net.d.on("origin", {"rollover", "status"}).text() << logs();
}

TEST_F(AgentTest, AnEvictedMemberDestroysItsReplicasAndProvesIt) {
  net.join_all();
  start_all();
  net.d.must("origin", net.d.generate());
  release();
  ASSERT_TRUE(net.all_hold("av@1")) << logs();
  net.d.must("origin", {"pool", "attest", "edge", "--out", net.d.path("out/a.cms").string()});
  const Outcome evicted = net.d.on(
      "origin", {"member", "evict", "edge2", "--pool", "edge", "--reason", "out of service"});
  EXPECT_THAT(evicted.status, testing::AnyOf(0, 20)) << evicted.text();
  EXPECT_TRUE(within(30s, [&] {
    return net.d.count("origin", "exposure WHERE destruction = 'proven'") == 1;
  })) << logs();
  for (const std::string& object : net.d.objects("edge2", "privkey"))
    EXPECT_THAT(object, Not(HasSubstr("av@1")));
  net.d.must("origin", net.d.release("av@2"));
  EXPECT_THAT(net.curl_as("edge2", " '" + net.url_of("edge2") + "/documents' ").out,
              Not(HasSubstr("envelope")));
}

TEST_F(AgentTest, TheCertificateOfATokenThatWasReplacedIsOfNoUse) {
  net.join("edge1");
  const auto documents = [&](const std::string& home) {
    return status_of(net.curl_as(home, kStatus + (" '" + net.url_of("edge1") + "/documents' ")));
  };
  EXPECT_EQ(documents("edge1"), "200");
  EXPECT_THAT(
      net.d.on("origin", {"member", "evict", "edge1", "--pool", "edge", "--reason", "new"}).status,
      testing::AnyOf(0, 20));
  EXPECT_EQ(documents("edge1"), "200") << "its last statement";
  net.d.must("origin", {"pool", "define", net.d.path("topology.toml").string()});
  // The same member on another host, with another token.
  for (const char* pin : {".user", ".so"})
    std::filesystem::copy(net.d.path("pins/edge1" + std::string(pin)),
                          net.d.path("pins/edge1b" + std::string(pin)));
  net.d.must("edge1b", {"--pin", "file:" + net.d.path("pins/edge1b.user").string(), "member",
                        "init", "--pool", "edge", "--member", "edge1", "--mailbox",
                        net.d.path("mailbox-edge1b").string()});
  const std::string code = net.invite("edge1");
  ASSERT_TRUE(succeeded(net.enrol("edge1b", code)));
  EXPECT_EQ(documents("edge1"), "403");
  net.d.must("origin", net.d.admit("edge1"));
  ASSERT_TRUE(succeeded(net.enrol("edge1b", code)));
  EXPECT_EQ(documents("edge1b"), "200");
  EXPECT_EQ(documents("edge1"), "403");
}

TEST_F(AgentTest, GoesToAnotherServerWhereOneIsAway) {
  net.join("edge1");
  const auto file = net.d.home("edge1") / "agent.toml";
  write_file(file, replaced(read_file(file), "servers = [", "servers = [\"https://localhost:9\", "),
             0600);
  net.start_agent("edge1");
  EXPECT_TRUE(within(20s, [&] { return net.d.count("origin", "report") == 1; })) << logs();
}

}  // namespace
}  // namespace poolkey::test
