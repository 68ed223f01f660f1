// The provider in foreign programs, on the homes of a real deployment: what members install is what
// programs load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;

class ForeignProgramTest : public testing::Test {
 protected:
  /// A line of bash in the deployment's folder, with an openssl.cnf that names a member's home and
  /// nothing else.
  Outcome in(const std::string& side, const std::string& line) const {
    const auto cnf = d.path(side + ".cnf");
    write_file(cnf,
               "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
               "default = default_section\npoolkey = poolkey_section\n[default_section]\n"
               "activate = 1\n[poolkey_section]\nidentity = poolkey\n"
               "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\npoolkey-home = " +
                   d.home(side).string() + "\nactivate = 1\n[req]\n" +
                   "distinguished_name = dn\n[dn]\n");
    return shell("cd '" + d.path("").string() + "' && " + line, {{"OPENSSL_CONF", cnf.string()}});
  }
  std::string public_key(const std::string& side, const std::string& of) const {
    const Outcome outcome = in(side, "openssl pkey -in '" + of + "' -pubout");
    EXPECT_TRUE(succeeded(outcome));
    return outcome.out;
  }
  static std::string in_an_hour() {
    return rfc3339(std::chrono::floor<Duration>(std::chrono::system_clock::now()) +
                   std::chrono::hours(1));
  }
  Deployment d = Deployment::at(Stage::kCertified);
};

TEST_F(ForeignProgramTest, AnInstalledPairServes) {
  EXPECT_TRUE(succeeded(in("edge1",
                           "test $(openssl x509 -in edge1/tls/av/certificate.pem -noout -pubkey |"
                           " sha256sum | head -c 64) = $(openssl pkey -in edge1/tls/av/key.pem"
                           " -pubout | sha256sum | head -c 64)")));
  EXPECT_TRUE(succeeded(
      in("edge1",
         "/usr/bin/python3 -c 'import ssl\n"
         "ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(\"edge1/tls/av/both.pem\")'")));
  EXPECT_TRUE(succeeded(in("edge1", "openssl req -new -key edge1/tls/av/key.pem -subj /CN=x")));
}

TEST_F(ForeignProgramTest, APairIsNotOfAnotherMembersToken) {
  EXPECT_TRUE(refused(in("edge2", "openssl req -new -key edge1/tls/av/key.pem -subj /CN=x"), 1,
                      {"no token matches"}));
}

TEST_F(ForeignProgramTest, AReferenceIsWrittenOnEitherSide) {
  write_file(d.path("key.pem"), std::string_view("an old one"));
  for (const std::string side : {"origin", "edge1"}) {
    const json::object said =
        d.json_on(side, {"key", "reference", "av@1", "--out", d.path("key.pem").string()});
    EXPECT_EQ(json::text(said, "key", "reference"), "av@1");
    EXPECT_TRUE(succeeded(in(side, "openssl req -new -key key.pem -subj /CN=x")));
    EXPECT_EQ(in(side, "stat -c %a key.pem").out, "644\n");
  }
  const Words unknown{"key", "reference", "av@7", "--out", d.path("none.pem").string()};
  EXPECT_TRUE(refused(d.on("origin", unknown), 4, {"av@7"}));
  EXPECT_TRUE(refused(d.on("edge1", unknown), 4, {"av@7 is not in this member's statement"}));
  d.pkcs11_tool("edge1", "--delete-object --type privkey --label av@1");
  const Words gone{"key", "reference", "av@1", "--out", d.path("none.pem").string()};
  EXPECT_TRUE(refused(d.on("edge1", gone), 4, {"nothing was written"}));
  EXPECT_FALSE(std::filesystem::exists(d.path("none.pem")));
}

TEST_F(ForeignProgramTest, ANameFollowsTheVersionInForce) {
  const std::string first = public_key("edge1", "poolkey://av");
  EXPECT_EQ(first, public_key("edge2", "poolkey://av@v1?pool=edge"));
  d.must("origin", {"rollover", "start", "av", "--pool", "edge", "--effective", in_an_hour()});
  d.must("origin", d.release("av@2"));
  for (int i = 0; i < 6; ++i) {
    d.on("origin", {"rollover", "advance"});
    for (const std::string& m : d.members()) d.must(m, {"member", "sync"});
  }
  EXPECT_EQ(public_key("edge1", "poolkey://av"), first) << "its time has not come";
  // By the program's own clock: nobody is asked.
  const Outcome later = in("edge1", "faketime -f +2h openssl pkey -in poolkey://av -pubout");
  EXPECT_TRUE(succeeded(later));
  EXPECT_NE(later.out, first);
  EXPECT_EQ(later.out, public_key("edge2", "poolkey://av@v2"));
  EXPECT_EQ(public_key("edge1", "poolkey://av@v1"), first);
  EXPECT_TRUE(succeeded(in("edge1", "openssl req -new -key poolkey://av -subj /CN=x")));
  EXPECT_EQ(public_key("edge1", "edge1/tls/av/key.pem"), first) << "a reference pins its version";
}

TEST_F(ForeignProgramTest, AProgramThatHoldsACopyIsNamed) {
  // The second handshake makes the copy; the server keeps it as long as it lives.
  const Outcome said =
      in("edge1",
         ": >server.log\n"  // what follows stands by itself: the server, not the list, is in the
                            // background
         "openssl s_server -www -accept 127.0.0.1:0 -key poolkey://av -cert "
         "edge1/tls/av/certificate.pem >>server.log 2>&1 & server=$!\n"
         "for i in $(seq 200); do port=$(sed -n 's/^ACCEPT .*:\\([0-9]*\\)$/\\1/p' server.log);"
         " [ -z \"$port\" ] || break; sleep 0.05; done\n"
         "for i in 1 2; do openssl s_client -connect 127.0.0.1:$port </dev/null >/dev/null 2>&1; "
         "done\n"
         "! flock -n -x edge1/state/in-use/* true && echo held by a lock\n"
         "POOLKEY=" POOLKEY_PROGRAM
         "\n"
         "$POOLKEY --home origin pool challenge edge >/dev/null\n"
         "$POOLKEY --home edge1 member sync >/dev/null\n"
         "base64 -d <<< $(sed -n 's/.*\"statement\": \"\\(.*\\)\",/\\1/p' "
         "mailbox/to-origin/receipt.edge.edge1.json) | grep -o '\"in_use\":[^]]*.'\n"
         "kill $server; wait $server; flock -n -x edge1/state/in-use/* true && echo let go");
  EXPECT_THAT(said.out, HasSubstr("held by a lock"));
  EXPECT_THAT(said.out, testing::ContainsRegex("\"in_use\":\\[\"openssl \\(pid [0-9]+\\)\""));
  EXPECT_THAT(said.out, HasSubstr("let go"));
}

TEST_F(ForeignProgramTest, WhoMayNotReadTheHomeIsTold) {
  in("edge1", "chmod 755 .");  // the home itself stays 0700
  const Outcome outcome =
      run({.words = {"openssl", "req", "-new", "-key", "poolkey://av", "-subj", "/CN=x"},
           .environment = {{"OPENSSL_CONF", d.path("edge1.cnf").string()}},
           .as_nobody = true});
  EXPECT_TRUE(refused(outcome, 1, {"the right to read it when it loads its key"}));
}

TEST_F(ForeignProgramTest, TheOriginHasNoNames) {
  EXPECT_TRUE(refused(in("origin", "openssl req -new -key poolkey://av -subj /CN=x"), 1,
                      {"names no home of a member"}));
}

}  // namespace
}  // namespace poolkey::test
