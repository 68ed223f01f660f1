// The doctor on real modules: SoftHSM as it is and as it was configured, and NSS softokn.
#include "hsm/doctor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "base/process.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "support/matchers.h"
#include "support/soft_token.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kNss = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";
constexpr const char* kNssLabel = "NSS Certificate DB";
// What `member init` writes: poolkey's tokens can do no more than this.
constexpr const char* kMechanisms =
    "CKM_RSA_PKCS_KEY_PAIR_GEN,CKM_EC_KEY_PAIR_GEN,CKM_AES_KEY_GEN,CKM_RSA_PKCS,CKM_RSA_PKCS_PSS,"
    "CKM_RSA_PKCS_OAEP,CKM_ECDSA";
constexpr const char* kKwp = ",CKM_AES_KEY_WRAP_PAD";

/// What chance decides, and what changes with every package update, is not compared.
Profile comparable(Profile profile) {
  profile.make.version.clear();
  profile.make.hardware.clear();
  profile.make.firmware.clear();
  profile.found[Question::kCreateRace].clear();
  return profile;
}

Profile golden(const std::string& name) {
  const std::string file = POOLKEY_SOURCE_DIR "/docs/profiles/" + name + ".toml";
  return comparable(parse_profile(read_file(file), file));
}

class SoftDoctorTest : public testing::Test {
 protected:
  Examination look(bool with_so = true) const {
    const Pin user(soft.user_pin()), so(soft.so_pin());
    return examine({.module = soft.module(),
                    .token = {soft.label(), soft.serial()},
                    .user_pin = user,
                    .so_pin = with_so ? &so : nullptr});
  }
  void allow(const std::string& mechanisms) const {
    std::string text = read_file(soft.configuration());
    text.resize(text.find("slots.mechanisms"));  // the last line
    write_file(soft.configuration(), text + "slots.mechanisms = " + mechanisms + "\n");
    ASSERT_TRUE(soft.module()->reload());
  }
  std::size_t objects() const {
    const auto token = soft.login();
    return find_objects(token->keeper(), Template()).size();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::recursive_directory_iterator(soft.folder() / "tokens"),
                      std::filesystem::recursive_directory_iterator()));
  }
  test::SoftToken soft;
};

TEST_F(SoftDoctorTest, FindsTheShippedProfileOfSoftHsm) {
  allow(std::string(kMechanisms) + kKwp);
  const Examination examined = look();
  std::cout << to_toml(examined.profile, examined.details);
  EXPECT_EQ(to_toml(comparable(examined.profile)), to_toml(golden("softhsm-2.6")));
}

TEST_F(SoftDoctorTest, LeavesNothingBehind) {
  { (void)look(); }  // the token.object copy that precedes a login is made
  const std::size_t before = files();
  for (int i = 0; i < 5; ++i) EXPECT_THAT(look().left_behind, IsEmpty());
  EXPECT_EQ(objects(), 0U);
  EXPECT_EQ(files(), before);
}

TEST_F(SoftDoctorTest, TouchesNoObjectOfTheTokensOwn) {
  {
    const auto token = soft.login();
    Template own;
    own.set(CKA_CLASS, CK_ULONG{CKO_DATA}).set(CKA_TOKEN, true).set(CKA_LABEL, "mine");
    create_object(token->keeper(), own);
    create_object(token->keeper(), own.set(CKA_VALUE, "poolkey-doctor-"));
  }
  (void)look();
  EXPECT_EQ(objects(), 2U);
}

TEST_F(SoftDoctorTest, AMechanismThatIsSwitchedOffIsNotUsable) {
  allow(kMechanisms);
  const Examination examined = look();
  EXPECT_TRUE(examined.profile.says(Question::kKwp, "none"));
  EXPECT_THAT(examined.details.at(Question::kKwp), HasSubstr("CKR_MECHANISM_INVALID"));
  EXPECT_TRUE(examined.profile.says(Question::kWrapWithTrusted, "unknown"));
  EXPECT_EQ(examined.profile.kwp(), std::nullopt);
  EXPECT_THAT(verdicts(examined.profile), Contains(HasSubstr("As an origin: no. It cannot wrap")));
  EXPECT_THAT(verdicts(examined.profile), Contains(HasSubstr("As a member: no.")));
}

TEST_F(SoftDoctorTest, AMechanismThatIsLeftOnIsFound) {
  allow(std::string(kMechanisms) + kKwp + ",CKM_AES_ECB");
  EXPECT_THAT(to_toml(look(false).profile), HasSubstr("\nCKM_AES_ECB = \"usable\""));
}

TEST_F(SoftDoctorTest, WithoutAnSoPinItSaysThatItDidNotAsk) {
  const Profile profile = look(false).profile;
  for (const Question question : {Question::kTrustedBySo, Question::kTrustedBySoLater,
                                  Question::kCeremony, Question::kLoginExclusive})
    EXPECT_TRUE(profile.says(question, "not-asked")) << row_of(question).id;
  EXPECT_TRUE(profile.says(Question::kWrapWithTrusted, "enforced"));
}

TEST_F(SoftDoctorTest, AWrongPinIsTriedOnce) {
  const Pin wrong("0000");
  EXPECT_THAT(
      [&] {
        examine(
            {.module = soft.module(), .token = {soft.label(), soft.serial()}, .user_pin = wrong});
      },
      ThrowsErrc(Errc::kAuthFailed));
}

TEST_F(SoftDoctorTest, AProfileThatCannotWrapMakesTheWrapsRefuse) {
  allow(kMechanisms);
  soft.module()->use_profile(look(false).profile);
  EXPECT_FALSE(offers(*soft.module(), OaepHash::kSha1));
  const auto token = soft.login();
  EXPECT_THAT([&] { wrap_kwp(token->keeper(), 1, 1); },
              ThrowsErrc(Errc::kUnsupported, "cannot wrap or unwrap private keys"));
}

TEST(NssDoctorTest, FindsTheShippedProfileOfNss) {
  // Each of some hundred creations is synced to the disk.
  if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
  const test::Scratch scratch;
  write_file(scratch / "pin", std::string_view("a-pin-of-its-own\n"), 0600);
  ASSERT_EQ(std::system(("certutil -N -d sql:" + scratch.path().string() + " -f " +
                         (scratch / "pin").string())
                            .c_str()),
            0);
  const auto module = Module::load(kNss, Module::Process::kOurs,
                                   "configdir='sql:" + scratch.path().string() +
                                       "' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ");
  const Pin user("a-pin-of-its-own");
  const Examination examined =
      examine({.module = module, .token = {kNssLabel, ""}, .user_pin = user});
  std::cout << to_toml(examined.profile, examined.details);
  EXPECT_EQ(to_toml(comparable(examined.profile)), to_toml(golden("nss-softokn")));
  EXPECT_THAT(examined.left_behind, IsEmpty());
  const auto token = Token::open(module, {kNssLabel, ""});
  token->login(Role::kUser, user);
  EXPECT_THAT(find_objects(token->keeper(), Template()), IsEmpty());
}

}  // namespace
}  // namespace poolkey::hsm
