// What bad input gets: a status by kind, a sentence that names it, and nothing lost or half made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A verb that is refused and leaves everything as it was.
testing::AssertionResult refused_untouched(const Deployment& d, const std::string& side,
                                           const Words& verb, int status,
                                           const std::vector<std::string>& words,
                                           const std::function<void(Command&)>& adjust = {}) {
  const std::string before = d.inventory();
  const auto result = refused(d.on(side, verb, adjust), status, words);
  if (!result) return result;
  const std::string after = d.inventory();
  if (after == before) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "something was changed\nbefore:\n"
                                     << before << "after:\n"
                                     << after;
}

TEST(WrongPinTest, IsRefusedOnceAndTheRightOneWorksAfter) {
  const Deployment d = Deployment::at(Stage::kReleased);
  write_file(d.path("wrong"), std::string("987654321"), 0600);
  const std::string wrong = "file:" + d.path("wrong").string();
  EXPECT_TRUE(
      refused_untouched(d, "edge1", {"--pin", wrong, "member", "receive"}, 10, {"PIN", "edge1"}));
  EXPECT_TRUE(fs::exists(d.mail("edge1", "envelope.av@1.cms")));
  EXPECT_THAT(d.must("edge1", {"member", "receive"}), HasSubstr("accepted"));
}

TEST(WrongPinTest, OfTheSecurityOfficerIsRefusedInTheCeremony) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  EXPECT_TRUE(refused_untouched(d, "origin", d.release(), 10, {"PIN", "poolkey-origin"},
                                [&](Command& c) { c.third = d.path("pins/edge1.so"); }));
  d.must("origin", d.release());
  EXPECT_EQ(d.count("origin", "release"), 1);
}

TEST(PinSourceTest, TheSecurityOfficersPinIsNotTakenFromAFile) {
  const Deployment d = Deployment::at(Stage::kGenerated);
  Words verb = d.release();
  EXPECT_TRUE(refused_untouched(
      d, "origin", verb, 2, {"security officer", "fd:N", "prompt"},
      [&](Command& c) { c.words[4] = "file:" + d.path("pins/origin.so").string(); }));
}

TEST(PinSourceTest, APinOnTheCommandLineIsRefusedAndNotRepeated) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const Outcome outcome = d.on("edge1", {"--pin", d.pin("edge1"), "member", "receive"});
  EXPECT_TRUE(refused(outcome, 2, {"file:PATH", "never given on the command line"}));
  EXPECT_THAT(outcome.text(), testing::Not(HasSubstr(d.pin("edge1"))));
}

TEST(PinSourceTest, APinFileThatOthersMayReadIsRefused) {
  const Deployment d = Deployment::at(Stage::kReleased);
  fs::permissions(d.path("pins/edge1.user"), fs::perms(0644));
  EXPECT_TRUE(refused_untouched(d, "edge1", {"member", "receive"}, 3, {"chmod 600"}));
}

TEST(PinSourceTest, WithoutATerminalThereIsNoPrompt) {
  const Deployment d = Deployment::at(Stage::kReleased);
  EXPECT_TRUE(
      refused_untouched(d, "edge1", {"--pin", "prompt", "member", "receive"}, 2, {"no terminal"}));
}

TEST(TokenTest, ThatIsMissingIsNamedAndNotMadeAnew) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const auto tokens = d.home("edge1") / "tokens";
  fs::rename(tokens, d.path("away"));
  fs::create_directory(tokens);
  EXPECT_TRUE(refused(d.on("edge1", {"member", "receive"}), 4, {"edge1", "serial"}));
  EXPECT_TRUE(fs::is_empty(tokens));
  fs::remove(tokens);
  fs::rename(d.path("away"), tokens);
  d.must("edge1", {"member", "receive"});
}

TEST(TokenTest, TwoWithOneLabelAreToldApartBySerialAndNotGuessed) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const auto config = d.home("edge1") / "poolkey.toml";
  const std::string configured = read_file(config);
  ASSERT_TRUE(succeeded(
      shell("softhsm2-util --init-token --free --label edge1 --so-pin 12345678 --pin 87654321",
            {{"SOFTHSM2_CONF", (d.home("edge1") / "softhsm2.conf").string()}})));
  // The serial in the configuration says which; the member goes on.
  d.must("edge1", {"member", "receive"});
  // A set-up that would have to choose by label alone does not.
  const std::size_t serial = configured.find("serial = ");
  write_file(config,
             configured.substr(0, serial) + configured.substr(configured.find('\n', serial) + 1),
             0600);
  const Outcome outcome = d.on(
      "edge1", {"--pin", "file:" + d.path("pins/edge1.user").string(), "member", "init", "--pool",
                "edge", "--member", "edge1", "--mailbox", d.path("mailbox").string()});
  EXPECT_THAT(outcome.status, testing::AnyOf(5, 6)) << outcome.text();
  EXPECT_THAT(outcome.err, HasSubstr("edge1"));
  write_file(config, configured, 0600);
  d.must("edge1", {"member", "status"});
}

TEST(PolicyTest, EveryFaultIsReportedWithItsPlace) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  const auto file = d.path("faulty.toml");
  std::string text = read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml");
  text = replaced(text, "bits = 2048", "bits = \"many\"");
  text = replaced(text, "re_export = false", "re_exprot = false");
  text = replaced(text, "overlap_hours = 24", "overlap_hours = -1");
  write_file(file, text);
  const auto place = [&](const std::string& part) {
    const auto lines =
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(part)), '\n');
    return file.string() + ":" + std::to_string(lines + 1) + ":";
  };
  const std::vector<std::string> all{place("bits = "), place("re_exprot"), place("overlap_hours"),
                                     "re_exprot"};
  EXPECT_TRUE(refused(d.on("origin", {"policy", "check", file.string()}), 2, all));
  EXPECT_TRUE(refused_untouched(d, "origin", d.generate("av", file.string()), 2, all));
}

TEST(TopologyTest, WithoutANeededNameIsRefusedWithItsPlace) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const auto file = d.path("topology.toml");
  std::string text = read_file(file);
  const std::size_t line = text.find("access = ");
  write_file(file, text.erase(line, text.find('\n', line) + 1 - line));
  EXPECT_TRUE(refused_untouched(d, "origin", {"pool", "define", file.string()}, 2,
                                {"access", "topology.toml:"}));
}

class EnvelopeTest : public testing::Test {
 protected:
  fs::path mine() const { return d.mail("edge1", "envelope.av@1.cms"); }
  testing::AssertionResult is_refused(int status, const std::vector<std::string>& words) const {
    return refused_untouched(d, "edge1", {"member", "receive"}, status, words);
  }
  Deployment d = Deployment::at(Stage::kReleased);
};

TEST_F(EnvelopeTest, ForAnotherMemberIsRefused) {
  const std::string good = read_file(mine());
  fs::copy_file(d.mail("edge2", "envelope.av@1.cms"), mine(), fs::copy_options::overwrite_existing);
  EXPECT_TRUE(is_refused(3, {"is for member 'edge2'", "nothing was changed"}));
  write_file(mine(), good);
  d.must("edge1", {"member", "receive"});
}

TEST_F(EnvelopeTest, ThatWasTamperedWithIsRefused) {
  const std::string good = read_file(mine());
  for (const char* where : {"\"CKA_EXTRACTABLE\": ", "\"blob\": \"", "\"release\": "}) {
    SCOPED_TRACE(where);
    std::string bad = good;
    const std::size_t at = bad.find(where);
    ASSERT_NE(at, std::string::npos);
    char& octet = bad[at + std::string(where).size()];
    octet = octet == '2' ? '3' : '2';
    write_file(mine(), bad);
    EXPECT_TRUE(is_refused(11, {"envelope.av@1.cms"}));
  }
  write_file(mine(), good.substr(0, good.size() / 2));
  EXPECT_TRUE(is_refused(11, {"envelope.av@1.cms"}));
  write_file(mine(), good);
  d.must("edge1", {"member", "receive"});
}

TEST_F(EnvelopeTest, OfAnOlderReleaseIsRefused) {
  const std::string old = read_file(mine());
  const std::string old_statement = read_file(d.mail("edge1", "statement.cms"));
  d.must("edge1", {"member", "receive"});
  d.must("origin", d.release());
  d.must("edge1", {"member", "receive"});
  write_file(mine(), old);
  EXPECT_TRUE(is_refused(6, {"release 1", "older"}));
  EXPECT_TRUE(fs::exists(mine())) << "it is kept as evidence";
  // And with the statement of its time, which says that release 1 is the newest.
  write_file(d.mail("edge1", "statement.cms"), old_statement);
  EXPECT_TRUE(is_refused(6, {"statement", "older"}));
}

TEST_F(EnvelopeTest, OfAReleaseThatItHasIsTakenOnceMore) {
  const std::string envelope = read_file(mine());
  d.must("edge1", {"member", "receive"});
  const std::string before = d.inventory();
  write_file(mine(), envelope);
  EXPECT_THAT(d.must("edge1", {"member", "receive"}), HasSubstr("already there"));
  EXPECT_EQ(d.inventory(), before);
}

TEST_F(EnvelopeTest, SignedUnderAStrangersRootIsRefused) {
  // Another origin, with members of the same names: all of it right but for the root.
  const Deployment stranger = Deployment::at(Stage::kReleased, 3);
  fs::copy_file(stranger.mail("edge1", "envelope.av@1.cms"), mine(),
                fs::copy_options::overwrite_existing);
  EXPECT_TRUE(is_refused(11, {"envelope.av@1.cms"}));
}

TEST(EnrolmentTest, AWrongFingerprintIsRefusedOnBothSides) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  d.must("edge1", {"member", "enrol"});
  const std::string wrong(64, 'b');
  EXPECT_TRUE(refused_untouched(
      d, "origin", {"enrolment", "admit", "edge1", "--pool", "edge", "--fingerprint", wrong}, 3,
      {"fingerprint", "nothing was trusted"}));
  const std::string right = json::text(
      d.json_on("origin", {"enrolment", "show", "edge1", "--pool", "edge"}), "fingerprint", "show");
  d.must("origin", {"enrolment", "admit", "edge1", "--pool", "edge", "--fingerprint", right});
  EXPECT_TRUE(refused_untouched(d, "edge1", {"member", "confirm", "--root-fingerprint", wrong}, 3,
                                {"fingerprint", "nothing was pinned"}));
  EXPECT_TRUE(refused(d.on("edge1", {"member", "confirm", "--root-fingerprint", "zz"}), 2, {}));
}

TEST(EnrolmentTest, ARequestThatWasTamperedWithIsRefused) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  const auto request = d.path("mailbox/to-origin/enrolment.edge.edge1.json");
  d.must("edge1", {"member", "enrol"});
  d.must("edge2", {"member", "enrol"});
  fs::copy_file(d.path("mailbox/to-origin/enrolment.edge.edge2.json"), request,
                fs::copy_options::overwrite_existing);
  EXPECT_TRUE(
      refused(d.on("origin", {"enrolment", "show", "edge1", "--pool", "edge"}), 11, {"edge2"}));
  std::string text = read_file(request);
  const std::size_t at = text.find("\"statement\": \"") + 100;
  text[at] = text[at] == 'A' ? 'B' : 'A';
  write_file(request, text);
  EXPECT_EQ(d.on("origin", {"enrolment", "show", "edge1", "--pool", "edge"}).status, 11);
}

TEST(LabelTest, AMemberWhoseTokenHoldsAnotherKeyOfThatLabelKeepsIt) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const auto file = d.path("out/other.der").string();
  ASSERT_TRUE(
      succeeded(shell("openssl genrsa -traditional 2048 | openssl rsa -outform DER -out " + file)));
  ASSERT_TRUE(succeeded(
      d.pkcs11_tool("edge1", "--write-object " + file + " --type privkey --label av@1 --id 77")));
  EXPECT_TRUE(refused_untouched(d, "edge1", {"member", "receive"}, 5,
                                {"another key with the label 'av@1'", "not touched"}));
  ASSERT_TRUE(succeeded(d.pkcs11_tool("edge1", "--delete-object --type privkey --id 77")));
  d.must("edge1", {"member", "receive"});
}

TEST(LabelTest, AnOriginWhoseTokenHoldsAnotherKeyOfThatLabelKeepsIt) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  const auto file = d.path("out/other.der").string();
  ASSERT_TRUE(
      succeeded(shell("openssl genrsa -traditional 2048 | openssl rsa -outform DER -out " + file)));
  ASSERT_TRUE(succeeded(
      d.pkcs11_tool("origin", "--write-object " + file + " --type privkey --label av@1 --id 77")));
  EXPECT_TRUE(refused_untouched(d, "origin", d.generate(), 5, {"label 'av@1'"}));
  ASSERT_TRUE(succeeded(d.pkcs11_tool("origin", "--delete-object --type privkey --id 77")));
  d.must("origin", d.generate());
  EXPECT_EQ(d.count("origin", "key_version WHERE key_name = 'av'"), 1);
}

TEST(ReleaseTest, BeforeEveryMemberIsEnrolledIsDenied) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  d.must("origin", d.generate());
  EXPECT_TRUE(refused_untouched(d, "origin", d.release(), 3, {"edge1", "not enrolled"}));
}

TEST(ReleaseTest, OfAKeyThatIsNotExportableIsDeniedByItsRule) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  d.must("origin", d.generate("local", POOLKEY_SOURCE_DIR "/policies/issuing-ca.toml"));
  EXPECT_TRUE(refused_untouched(d, "origin", d.release("local@1"), 3,
                                {"local@1", "issuing-ca.toml:", "export"}));
}

TEST(ReleaseTest, OfAKeyThatIsNotThereNamesIt) {
  const Deployment d = Deployment::at(Stage::kEnrolled);
  EXPECT_TRUE(refused_untouched(d, "origin", d.release("av@7"), 4, {"av@7"}));
  EXPECT_TRUE(refused_untouched(d, "origin", d.release("av"), 2, {"av"}));
}

TEST(SideTest, AVerbOfTheOtherSideIsRefused) {
  const Deployment d = Deployment::at(Stage::kSetUp);
  EXPECT_TRUE(refused_untouched(d, "origin", {"member", "receive"}, 2, {"verb of a member"}));
  EXPECT_TRUE(refused_untouched(d, "edge1", {"status"}, 2, {"verb of the origin"}));
}

TEST(StatementTest, AnOlderOneIsNotTaken) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const auto statement = d.mail("edge1", "statement.cms");
  const std::string old = read_file(statement);
  d.must("origin", d.generate());
  d.must("origin", d.release("av@2"));
  d.must("edge1", {"member", "receive"});
  write_file(statement, old);
  EXPECT_TRUE(refused_untouched(d, "edge1", {"member", "receive"}, 6, {"statement", "older"}));
  EXPECT_TRUE(succeeded(d.on("edge1", {"member", "status"})));
}

// A disk that takes no more, by a limit on the size of files: token objects fit, the database and
// its journal do not.
class FullDiskTest : public testing::TestWithParam<std::size_t> {};

TEST_P(FullDiskTest, LosesNothingAndMakesNothingHalf) {
  const auto full = [](Command& c) { c.largest_file = GetParam(); };
  const Deployment member = Deployment::at(Stage::kReleased);
  EXPECT_TRUE(refused_untouched(member, "edge1", {"member", "receive"}, 8, {"edge1"}, full));
  EXPECT_THAT(member.must("edge1", {"member", "receive"}), HasSubstr("accepted"));
  const Deployment origin = Deployment::at(Stage::kEnrolled);
  EXPECT_TRUE(refused_untouched(origin, "origin", origin.generate(), 8, {"origin"}, full));
  origin.must("origin", origin.generate());
  EXPECT_TRUE(refused_untouched(origin, "origin", origin.release(), 8, {"origin"}, full));
  origin.must("origin", origin.release());
  EXPECT_TRUE(origin.audit_is_whole());
  EXPECT_EQ(origin.count("origin", "key_version WHERE key_name = 'av'"), 1);
}

INSTANTIATE_TEST_SUITE_P(Limits, FullDiskTest, testing::Values(4096, 32768),
                         [](const auto& limit) { return std::to_string(limit.param); });

TEST(ReadOnlyDiskTest, LosesNothingAndMakesNothingHalf) {
  const Deployment d = Deployment::at(Stage::kReleased);
  const std::string before = d.inventory();
  const std::string folder = d.home("edge1").string();
  ASSERT_TRUE(succeeded(
      shell("chmod a+rX '" + d.path("").string() + "' && chmod -R a-w '" + folder + "'")));
  if (::geteuid() == 0) {
    ASSERT_TRUE(succeeded(shell("chown -R 65534 '" + folder + "' '" + d.path("pins").string() +
                                "' '" + d.path("mailbox").string() + "'")));
  }
  const Outcome outcome =
      d.on("edge1", {"member", "receive"}, [](Command& c) { c.as_nobody = true; });
  EXPECT_TRUE(refused(outcome, 8, {"edge1"}));
  ASSERT_TRUE(succeeded(shell("chmod -R u+w '" + folder + "'")));
  EXPECT_EQ(d.inventory(), before);
  d.must("edge1", {"member", "receive"});
}

}  // namespace
}  // namespace poolkey::test
