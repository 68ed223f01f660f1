// The service's own token, key and certificate, set up by the command line.
#include <gmock/gmock.h>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ServiceInitTest : public testing::Test {
 protected:
  ServiceInitTest() { write_file(d.path("service.pin"), "31415926", 0600); }
  Words init(Words more = {"--name", "pool.test", "--address", "127.0.0.1"}) const {
    Words out{"service", "init", "--service-pin", "file:" + d.path("service.pin").string()};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }
  /// As pkcs11-tool lists the private keys of the service's token.
  std::string keys() const {
    return shell("SOFTHSM2_CONF=" + (d.home("origin") / "softhsm2.conf").string() +
                 " pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so --token-label "
                 "poolkey-service --login --pin 31415926 -O --type privkey")
        .out;
  }
  std::string configuration() const { return read_file(d.home("origin") / "poolkey.toml"); }

  const Deployment d = Deployment::at(Stage::kSetUp);
};

TEST_F(ServiceInitTest, GivesATokenAKeyThatOnlySignsAndACertificate) {
  const json::object made = d.json_on("origin", init());
  write_file(d.path("leaf.pem"), std::string(made.at("certificate").as_string()));
  const Outcome text = shell("openssl x509 -noout -text -in " + d.path("leaf.pem").string());
  for (const char* part : {"CN = pool.test", "DNS:pool.test, IP Address:127.0.0.1",
                           "TLS Web Server Authentication", "NIST CURVE: P-256"})
    EXPECT_THAT(text.out, HasSubstr(part));
  EXPECT_THAT(keys(), HasSubstr("Usage:      sign\n"));
  EXPECT_THAT(keys(), HasSubstr("sensitive, always sensitive, never extractable, local"));
  EXPECT_THAT(configuration(), HasSubstr("[service]\nlisten = [\"127.0.0.1:8443\"]\n"));
  EXPECT_THAT(configuration(), Not(HasSubstr("31415926")));
  EXPECT_EQ(d.json_on("origin", {"service", "init"}).at("serial"), made.at("serial"));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(ServiceInitTest, RunAgainChangesNamesAndPlacesOnly) {
  const json::object before = d.json_on("origin", init());
  const json::object after =
      d.json_on("origin", {"service", "init", "--name", "other.test", "--listen", "[::1]:9443",
                           "--listen", "192.0.2.1:9443"});
  EXPECT_EQ(after.at("token_serial"), before.at("token_serial"));
  EXPECT_NE(after.at("serial"), before.at("serial"));
  EXPECT_THAT(configuration(), HasSubstr("listen = [\"[::1]:9443\", \"192.0.2.1:9443\"]"));
  EXPECT_THAT(configuration(), HasSubstr("addresses = [\"127.0.0.1\"]"));
}

TEST_F(ServiceInitTest, RenewsTheCertificateInTheLastThirdOfItsLife) {
  const auto serial_in = [&](const std::string& days) {
    d.must("origin", init());
    const Outcome out =
        d.on("origin", {"service", "init", "--format", "json"}, [&](Command& command) {
          command.words = at_time("+" + days + "d", std::move(command.words));
        });
    return json::text(json::parse(out.out, "init").as_object(), "serial", "init");
  };
  const std::string first = serial_in("0");
  EXPECT_EQ(serial_in("59"), first);
  EXPECT_NE(serial_in("61"), first);
}

TEST_F(ServiceInitTest, ARestoredOriginHasNoServiceUntilItIsSetUpAgain) {
  const json::object before = d.json_on("origin", init());
  d.must("origin", {"origin", "backup", "--out", d.path("backup").string()});
  std::filesystem::rename(d.home("origin"), d.path("lost"));
  d.must("origin", {"origin", "restore", "--from", d.path("backup").string()});
  EXPECT_THAT(configuration(), Not(HasSubstr("[service]")));
  const json::object after = d.json_on("origin", init());
  EXPECT_NE(after.at("token_serial"), before.at("token_serial"));
  EXPECT_THAT(keys(), HasSubstr("Usage:      sign\n"));
}

TEST_F(ServiceInitTest, RefusesWhatItCannotServeWith) {
  EXPECT_TRUE(
      refused(d.on("origin", {"service", "init", "--name", "a.test"}), 2, {"--service-pin"}));
  EXPECT_TRUE(refused(d.on("origin", init({})), 2, {"--name"}));
  EXPECT_TRUE(refused(d.on("origin", init({"--name", "a b"})), 2, {"no DNS name"}));
  EXPECT_TRUE(refused(d.on("origin", init({"--name", "a.test", "--address", "1.2.3"})), 2,
                      {"no IP address"}));
  EXPECT_TRUE(refused(d.on("origin", init({"--name", "a.test", "--token-label", "poolkey-origin"})),
                      2, {"the origin's own token"}));
  EXPECT_TRUE(refused(d.on("origin", init({"--name", "a.test", "--socket", std::string(200, 'a')})),
                      2, {"too long for a socket"}));
  d.must("origin", init());
  EXPECT_TRUE(refused(d.on("origin", init({"--token-label", "another"})), 5, {"already"}));
}

TEST_F(ServiceInitTest, GoesOnWhereItWasKilled) {
  for (const char* step : {"configuration", "token", "id", "generate", "record"})
    for (const char* point : {"before", "after", "recorded"}) {
      const Deployment copy = d.copy();
      copy.crash("origin", init(), "service init/" + std::string(step) + ":" + point);
      copy.must("origin", init());
      EXPECT_THAT(copy.unfinished("origin"), testing::IsEmpty()) << step << point;
      const std::string tokens = copy.must("origin", {"token", "list"});
      EXPECT_THAT(tokens, HasSubstr("poolkey-service"));
      EXPECT_EQ(tokens.find("poolkey-service", tokens.find("poolkey-service") + 1), tokens.npos);
      EXPECT_TRUE(copy.audit_is_whole());
    }
}

}  // namespace
}  // namespace poolkey::test
