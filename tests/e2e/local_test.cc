// The command line beside a running service: it talks to the service's socket.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "e2e/network.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class LocalTest : public testing::Test {
 protected:
  LocalTest() : network_(Deployment::at(Stage::kGenerated)), d(network_.d) { network_.serve(); }

  /// How many verbs the service has run.
  std::int64_t run_by_service() const {
    return d.count("origin",
                   "audit_entry WHERE phase = 'intent' AND entry LIKE '%access command.run%'");
  }

  Network network_;
  const Deployment& d;
};

TEST_F(LocalTest, VerbsAreRunByTheServiceWithFilesOfTheCaller) {
  const std::string csr = d.path("out/local.csr").string();
  d.must("origin", {"request", "create", "--pool", "edge", "--role", "edge-external", "--key",
                    "av@1", "--ca", "internal", "--out", csr});
  EXPECT_EQ(run_by_service(), 1);
  EXPECT_TRUE(succeeded(shell("openssl req -verify -noout -in '" + csr + "'")));
  const std::string topology = d.path("out/topology.toml").string();
  write_file(topology, read_file(POOLKEY_SOURCE_DIR "/docs/edge-pool.toml"));
  EXPECT_THAT(d.must("origin", {"pool", "define", topology}), HasSubstr("is defined"));
  EXPECT_EQ(json::as_array(d.json_on("origin", {"key", "list"}), "keys", "keys").size(), 1U);
  EXPECT_EQ(run_by_service(), 3);
}

TEST_F(LocalTest, AFailureHasTheSameSentenceAndStatus) {
  const Outcome there = d.on("origin", {"request", "show", "nothing"});
  const Outcome here = d.on("origin", {"--direct", "request", "show", "nothing"});
  EXPECT_EQ(run_by_service(), 1);
  EXPECT_EQ(there.status, here.status);
  EXPECT_EQ(there.status, 4);
  EXPECT_EQ(there.text(), here.text());
}

TEST_F(LocalTest, TheCallIsPrintedForCurlAndDoesTheSame) {
  const std::string curl = d.must("origin", {"--output-curl", "key", "list"});
  EXPECT_EQ(run_by_service(), 0);
  const Outcome answer = shell(curl.substr(0, curl.find('\n')) + " -s");
  ASSERT_TRUE(succeeded(answer));
  EXPECT_THAT(answer.out, HasSubstr("av@1"));
  EXPECT_EQ(run_by_service(), 1);
}

TEST_F(LocalTest, FilesOfTheServiceAreNotLentToIt) {
  const std::string own = (d.home("origin") / "access.toml").string();
  const Outcome outcome = d.on("origin", {"pool", "define", own});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.text(), HasSubstr("the service's own folder"));
}

TEST_F(LocalTest, WhomNoBindingNamesTheServiceRefuses) {
  write_file(d.home("origin") / "access.toml", "version = 1\n", 0600);
  network_.serve();
  const Outcome outcome = d.on("origin", {"status"});
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(d.on("origin", {"--direct", "status"}).status, 0);
}

TEST_F(LocalTest, WithoutAServiceTheVerbIsRunHere) {
  network_.service().kill();
  EXPECT_EQ(d.on("origin", {"status"}).status, 0);
  EXPECT_EQ(run_by_service(), 0);
}

TEST_F(LocalTest, ACeremonyRunsBesideTheServiceWhileItSigns) {
  const std::string socket = (d.home("origin") / "service.sock").string();
  std::atomic<bool> over = false;
  std::atomic<int> signed_there = 0, refused = 0;
  {
    const std::jthread signing([&] {
      for (int i = 0; i < 500 && !over; ++i) {
        // A checkpoint is a signature by the origin's token.
        const Outcome one = shell("curl -sf --unix-socket '" + socket +
                                  "' -H 'Content-Type: application/json' -d"
                                  " '{\"arguments\":{},\"files\":{},\"format\":\"text\"}'"
                                  " http://localhost/v1/commands/audit.checkpoint");
        ++(one.status == 0 && one.out.find("\"status\":0") != one.out.npos ? signed_there
                                                                           : refused);
      }
    });
    EXPECT_TRUE(succeeded(d.on("origin", d.release())));
    over = true;
  }
  EXPECT_GT(signed_there, 0);
  EXPECT_EQ(refused, 0);
}

}  // namespace
}  // namespace poolkey::test
