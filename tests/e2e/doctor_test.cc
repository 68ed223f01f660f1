// `poolkey doctor` as a user runs it, and what the verbs do with its profile; a SoftHSM behind
// p11-kit's remoting is the token that cannot wrap.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/file.h"
#include "e2e/deployment.h"
#include "hsm/token.h"
#include "support/soft_token.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kClient = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";

/// A SoftHSM token of its own that is served through a socket, until the end of the test.
class RemoteToken {
 public:
  explicit RemoteToken(const fs::path& folder) : socket_(folder / "socket") {
    server_ = start_child([&] {
      ::setsid();
      ::execlp("p11-kit", "p11-kit", "server", "--provider", kSoftHsm, "-f", "-n", socket_.c_str(),
               "pkcs11:", nullptr);
    });
    for (int tries = 0; !fs::exists(socket_) && tries < 500; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  RemoteToken(const RemoteToken&) = delete;
  RemoteToken& operator=(const RemoteToken&) = delete;
  ~RemoteToken() {
    ::kill(-server_, SIGKILL);  // and the process that it made for each client
    (void)end_of(server_);
  }
  std::string address() const { return "unix:path=" + socket_.string(); }

 private:
  fs::path socket_;
  pid_t server_;
};

class RemoteDoctorTest : public testing::Test {
 protected:
  RemoteDoctorTest() {
    write_file(d.path("pins/remote.user"), soft.user_pin(), 0600);
    write_file(d.path("pins/remote.so"), soft.so_pin(), 0600);
  }
  Outcome on_remote(const Words& verb) const {
    return d.on("remote", verb,
                [&](Command& c) { c.environment["P11_KIT_SERVER_ADDRESS"] = remote.address(); });
  }
  Words init(const std::string& side, const Words& more) const {
    Words out{"--pin",
              "file:" + d.path("pins/remote.user").string(),
              side,
              "init",
              "--module",
              kClient,
              "--token",
              soft.label(),
              "--mailbox",
              d.path("mailbox").string(),
              "--existing-token"};
    out.insert(out.end(), more.begin(), more.end());
    return out;
  }

  Deployment d = Deployment::at(Stage::kSetUp);
  SoftToken soft{"remote"};
  RemoteToken remote{soft.folder()};
};

TEST_F(RemoteDoctorTest, ATokenThatCannotWrapIsNoMember) {
  ASSERT_TRUE(succeeded(on_remote(init("member", {"--pool", "edge", "--member", "edge1"}))));
  // Nobody knows this module, so nothing is assumed.
  EXPECT_TRUE(refused(on_remote({"member", "enrol"}), 7, {"run 'poolkey doctor'"}));
  const Outcome examined = on_remote({"doctor"});
  ASSERT_TRUE(succeeded(examined));
  EXPECT_THAT(examined.out,
              AllOf(HasSubstr("As an origin: no. It cannot wrap private keys."),
                    HasSubstr("As a member: no. It cannot unwrap private keys"),
                    HasSubstr("CKM_AES_KEY_WRAP_PAD: C_WrapKey CKR_MECHANISM_INVALID")));
  EXPECT_THAT(read_file(d.home("remote") / "profile.toml"), HasSubstr("\nkwp = \"none\""));
  EXPECT_TRUE(refused(on_remote({"member", "enrol"}), 7,
                      {"cannot unwrap private keys, as poolkey doctor found"}));
}

TEST_F(RemoteDoctorTest, ATokenThatCannotWrapIsNoOrigin) {
  const Words set_up = init("origin", {"--policy", POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml"});
  EXPECT_TRUE(refused(on_remote(set_up), 7, {"run 'poolkey doctor'", "then this verb again"}));
  ASSERT_TRUE(succeeded(on_remote({"doctor"})));
  ASSERT_TRUE(succeeded(on_remote(set_up)));
  ASSERT_TRUE(succeeded(on_remote({"pool", "define", d.path("topology.toml").string()})));
  EXPECT_TRUE(refused(on_remote(d.generate()), 3, {"export.mode", "CKA_WRAP_WITH_TRUSTED"}));
}

TEST(DoctorTest, SaysBeforehandWhatItDoesAndThenWhatItFound) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  const std::string before = d.inventory();
  const std::string said = d.must("edge1", {"doctor"});
  EXPECT_LT(said.find("All are destroyed. No other object is used."), said.find("PROBE"));
  EXPECT_THAT(said, AllOf(HasSubstr("CKA_WRAP_WITH_TRUSTED"), HasSubstr("enforced"),
                          HasSubstr("As an origin: yes."), HasSubstr("As a member: yes")));
  EXPECT_EQ(d.inventory(), before);
  EXPECT_TRUE(d.audit_is_whole());
}

TEST(DoctorTest, GivesJsonAndWritesWhereItIsTold) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const std::string file = d.path("found.toml").string();
  const json::object said = d.json_on("edge1", {"doctor", "--out", file});
  const json::object& first = json::as_array(said, "findings", "doctor").at(0).as_object();
  EXPECT_EQ(json::text(first, "probe", "doctor"), "kwp");
  EXPECT_EQ(json::text(first, "found", "doctor"), "CKM_AES_KEY_WRAP_PAD");
  EXPECT_TRUE(json::as_array(said, "left_behind", "doctor").empty());
  EXPECT_THAT(read_file(file), HasSubstr("\nkwp = \"CKM_AES_KEY_WRAP_PAD\""));
  EXPECT_FALSE(fs::exists(d.home("edge1") / "profile.toml"));
}

TEST(DoctorTest, LooksAtATokenOfNoHome) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const auto adjust = [&](Command& c) {
    c.words = {c.words.front(), "--pin",    "file:" + d.path("pins/edge1.user").string(),
               "doctor",        "--module", kSoftHsm,
               "--token",       "edge1"};
    c.environment["SOFTHSM2_CONF"] = (d.home("edge1") / "softhsm2.conf").string();
  };
  const Outcome outcome = d.on("edge1", {}, adjust);
  EXPECT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("not-asked"), Not(HasSubstr("The profile is in"))));
}

TEST(DoctorTest, AHomesProfileIsStrictAndOfThisMakeOnly) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const fs::path file = d.home("edge1") / "profile.toml";
  const std::string whole = read_file(POOLKEY_SOURCE_DIR "/docs/profiles/softhsm-2.6.toml");
  write_file(file, replaced(whole, "version = \"2.6\"", "version = \"9.9\""));
  EXPECT_TRUE(refused(d.on("edge1", {"member", "receive"}), 6,
                      {"module.version was '9.9'", "run 'poolkey doctor' again"}));
  write_file(file, replaced(whole, "oaep_sha1 = \"usable\"", "oaep_sha1 = \"perhaps\""));
  EXPECT_TRUE(refused(d.on("edge1", {"member", "receive"}), 2, {"profile.toml:", "perhaps"}));
  write_file(file, replaced(whole, "kwp = \"CKM_AES_KEY_WRAP_PAD\"", "kwp = \"none\""));
  EXPECT_TRUE(refused(d.on("edge1", {"member", "receive"}), 7,
                      {"cannot wrap or unwrap private keys, as poolkey doctor found"}));
  write_file(file, whole);
  EXPECT_TRUE(succeeded(d.on("edge1", {"member", "receive"})));
}

TEST(DoctorTest, AnOriginsProfileDecidesWhetherKeysAreMadeAndReleased) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  write_file(d.home("origin") / "profile.toml",
             replaced(read_file(POOLKEY_SOURCE_DIR "/docs/profiles/softhsm-2.6.toml"),
                      "wrap_with_trusted = \"enforced\"", "wrap_with_trusted = \"ignored\""));
  EXPECT_TRUE(refused(d.on("origin", d.release()), 3,
                      {"export.mode", "ignores CKA_WRAP_WITH_TRUSTED, as poolkey doctor found"}));
  EXPECT_TRUE(refused(d.on("origin", d.generate("av")), 3, {"ignores CKA_WRAP_WITH_TRUSTED"}));
}

}  // namespace
}  // namespace poolkey::test
