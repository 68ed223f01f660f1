// What comes after a certificate is installed: the reload hook, and the look from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/timeline.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class InstallTest : public testing::Test {
 protected:
  /// A hook that notes each run in 'ran', then goes on with `then`.
  void hook(const std::string& then, const std::string& more = "") const {
    const auto file = d.path("hook");
    write_file(file,
               "#!/bin/sh\necho ran \"$@\" >> '" + d.path("ran").string() + "'\n" + then + "\n",
               0700);
    std::ofstream(d.home("edge1") / "poolkey.toml", std::ios::app)
        << "reload = [\"" << file.string() << "\", \"$(touch nothing); *\"]\n"
        << more;
  }
  std::string runs() const {
    return std::filesystem::exists(d.path("ran")) ? read_file(d.path("ran")) : "";
  }
  Outcome install(Words more = {}) const {
    Words words{"member", "install"};
    words.insert(words.end(), more.begin(), more.end());
    return d.on("edge1", words);
  }
  /// `poolkey member install --probe` against `openssl s_server` with these files.
  Outcome probe(const std::string& key, const std::string& certificate,
                const std::string& more = "") const {
    write_file(d.path("edge1.cnf"),
               "openssl_conf = init\n[init]\nproviders = providers\n[providers]\n"
               "default = default_section\npoolkey = poolkey_section\n[default_section]\n"
               "activate = 1\n[poolkey_section]\nidentity = poolkey\n"
               "module = " POOLKEY_BINARY_DIR "/ossl-modules/poolkey.so\npoolkey-home = " +
                   d.home("edge1").string() + "\nactivate = 1\n");
    return in_folder(
        d,
        ": >server.log\nOPENSSL_CONF=$PWD/edge1.cnf openssl s_server -www -accept 127.0.0.1:0 "
        "-key " +
            key + " -cert " + certificate +
            " >> server.log 2>&1 & server=$!\n"
            "for i in $(seq 200); do port=$(sed -n 's/^ACCEPT .*:\\([0-9]*\\)$/\\1/p' server.log);"
            " [ -z \"$port\" ] || break; sleep 0.05; done\n" POOLKEY_PROGRAM
            " --home edge1 member install --probe 127.0.0.1:$port " +
            more + "; status=$?; kill $server; exit $status");
  }
  Timeline t{Deployment::at(Stage::kCertified)};
  const Deployment& d = t.d;
};

TEST_F(InstallTest, RunsTheHookOnceForEachChange) {
  EXPECT_THAT(d.must("edge1", {"member", "install"}), Not(HasSubstr("Ran")));
  hook("exit 0");
  EXPECT_THAT(d.must("edge1", {"member", "install", "--dry-run"}),
              AllOf(HasSubstr("Would run"), HasSubstr("has to be run still")));
  EXPECT_EQ(runs(), "");
  EXPECT_THAT(d.must("edge1", {"member", "install"}), HasSubstr("Ran '"));
  EXPECT_EQ(runs(), "ran $(touch nothing); *\n") << "no shell reads its words";
  EXPECT_THAT(d.must("edge1", {"member", "install"}), Not(HasSubstr("Ran")));
  EXPECT_EQ(runs(), "ran $(touch nothing); *\n");
  EXPECT_THAT(d.must("edge1", {"audit", "export"}), HasSubstr("member reload"));
  // A version that is staged is no change; that it comes into force is one.
  t.must("origin", {"rollover", "start", "av", "--pool", "edge"});
  t.must("origin", d.release("av@2"));
  const json::object armed = t.settle();
  EXPECT_EQ(state_of(armed), "armed 2/2");
  EXPECT_THAT(runs(), testing::SizeIs(24));
  t.wait_until(parse_rfc3339(std::string(armed.at("effective").as_string())));
  t.must("edge1", {"member", "install"});
  EXPECT_THAT(runs(), testing::SizeIs(2 * 24));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(InstallTest, AFailingHookIsToldAndRunAgain) {
  hook("echo no such unit >&2; test $(wc -l < '" + d.path("ran").string() + "') -ge 3");
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(refused(install(), 20, {"no such unit", "status 1", "is installed", "again"}));
  EXPECT_TRUE(succeeded(install()));
  EXPECT_TRUE(succeeded(install()));
  EXPECT_THAT(runs(), testing::SizeIs(3 * 24));
}

TEST_F(InstallTest, AHangingHookEnds) {
  hook("sleep 60", "reload_timeout_seconds = 1\n");
  EXPECT_TRUE(refused(install(), 20, {"within 1 s"}));
}

TEST_F(InstallTest, KilledWithinTheHookItIsRunAgain) {
  hook("test -e '" + d.path("once").string() + "' || { touch '" + d.path("once").string() +
       "'; kill -9 $PPID; }");
  EXPECT_EQ(install().status, 128 + 9);
  EXPECT_TRUE(succeeded(install()));
  EXPECT_THAT(runs(), testing::SizeIs(2 * 24));
}

TEST_F(InstallTest, TheHookIsAProgramInTheMembersOwnConfiguration) {
  std::ofstream(d.home("edge1") / "poolkey.toml", std::ios::app) << "reload = [\"nginx\"]\n";
  EXPECT_TRUE(refused(install(), 2, {"'reload' begins with the absolute path"}));
  std::ofstream(d.home("origin") / "poolkey.toml", std::ios::app) << "reload = [\"/bin/true\"]\n";
  EXPECT_TRUE(refused(d.on("origin", {"status"}), 2, {"'reload' is for a member"}));
}

TEST_F(InstallTest, ProbesWhatTheEndpointServes) {
  EXPECT_TRUE(succeeded(probe("edge1/tls/av/key.pem", "edge1/tls/av/certificate.pem")))
      << read_file(d.path("server.log"));
  EXPECT_TRUE(succeeded(in_folder(d,
                                  "openssl req -x509 -newkey rsa:2048 -nodes -keyout old.key -out "
                                  "old.pem -subj /CN=the-old-one 2>&1")));
  EXPECT_TRUE(refused(probe("old.key", "old.pem", "--probe-seconds 1"), 20,
                      {"the-old-one", "another certificate"}));
  EXPECT_TRUE(
      refused(install({"--probe", "127.0.0.1:1", "--probe-seconds", "1"}), 20, {"127.0.0.1:1"}));
  EXPECT_TRUE(refused(install({"--probe", "nowhere"}), 2, {"HOST:PORT"}));
  EXPECT_TRUE(refused(install({"--starttls", "smtp"}), 2, {"--probe"}));
}

// The objects in the token, and the files: certificate and key belong together.
TEST_F(InstallTest, CertificateAndKeyHaveOneId) {
  const auto id_of = [&](const std::string& type) {
    const Outcome listed = d.pkcs11_tool("edge1", "--list-objects --type " + type);
    const std::string after = listed.out.substr(listed.out.find("av@1"));
    const std::size_t at = after.find("ID:");
    return after.substr(at + 3, after.find('\n', at) - at - 3);
  };
  EXPECT_EQ(id_of("cert"), id_of("privkey"));
  EXPECT_EQ(d.objects("edge1", "cert").size(), 3U) << "leaf, issuer and root";
}

}  // namespace
}  // namespace poolkey::test
