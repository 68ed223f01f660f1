// Profiles: written and read back, strict, and never taken for another token's.
#include "hsm/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "support/matchers.h"

namespace poolkey::hsm {
namespace {

using test::ThrowsErrc;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::string shipped(const std::string& name) {
  return read_file(POOLKEY_SOURCE_DIR "/docs/profiles/" + name + ".toml");
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(ProfileTest, WhatIsWrittenIsReadBack) {
  for (const char* name : {"softhsm-2.6", "nss-softokn"}) {
    Profile profile = parse_profile(shipped(name), name);
    profile.make.description = "odd \"\\ \t name";
    EXPECT_EQ(parse_profile(to_toml(profile, {{Question::kKwp, "CKR_X"}}), name), profile) << name;
  }
}

TEST(ProfileTest, TheShippedDocumentsAreTheBuiltInProfiles) {
  for (const char* name : {"softhsm-2.6", "nss-softokn"})
    EXPECT_EQ(*builtin_profile(name), parse_profile(shipped(name), name));
  EXPECT_EQ(builtin_profile("standard"), nullptr);
}

TEST(ProfileTest, TheKnownModulesDifferWhereTheyWrap) {
  const Profile& soft = *builtin_profile("softhsm-2.6");
  EXPECT_EQ(soft.kwp(), CKM_AES_KEY_WRAP_PAD);
  EXPECT_TRUE(soft.oaep(OaepHash::kSha1));
  EXPECT_FALSE(soft.oaep(OaepHash::kSha256));
  EXPECT_THAT(soft.not_enforced(), ElementsAre());
  const Profile& nss = *builtin_profile("nss-softokn");
  EXPECT_EQ(nss.kwp(), kAesKeyWrapKwp);
  EXPECT_TRUE(nss.oaep(OaepHash::kSha256));
  EXPECT_THAT(nss.not_enforced(), ElementsAre("CKA_EXTRACTABLE", "CKA_WRAP_WITH_TRUSTED",
                                              "CKA_UNWRAP_TEMPLATE", "CKA_ALLOWED_MECHANISMS"));
}

TEST(ProfileTest, EveryFaultIsToldWithItsPlace) {
  std::string text = shipped("softhsm-2.6");
  text = with(text, "kwp = \"CKM_AES_KEY_WRAP_PAD\"", "kwp = \"CKM_DES3_CBC\"");
  text = with(text, "wrap_with_trusted = ", "wrap_with_rusted = ");
  text = with(text, "sessions_opened = 65", "sessions_opened = -1");
  text = with(text, "not_kept = []", "not_kept = [\"CKA_NOPE\"]");
  text = with(text, "CKM_ECDSA = \"usable\"", "CKM_ECDSA = true");
  EXPECT_THAT(
      [&] { parse_profile(text, "p.toml"); },
      testing::Throws<Error>(AllOf(
          testing::Property("code", &Error::code, Errc::kInvalidArgument),
          testing::Property("what", &Error::what,
                            AllOf(HasSubstr("'p.toml' has 6 faults"), HasSubstr("CKM_DES3_CBC"),
                                  HasSubstr("wrap_with_rusted"), HasSubstr("sessions_opened"),
                                  HasSubstr("CKA_NOPE"), HasSubstr("CKM_ECDSA"))))));
}

TEST(ProfileTest, EveryLineIsNeeded) {
  const std::string whole = shipped("nss-softokn");
  int lines = 0;
  for (std::size_t at = 0, end = 0; (end = whole.find('\n', at)) != std::string::npos;
       at = end + 1) {
    const std::string line = whole.substr(at, end - at);
    if (line.find(" = ") == std::string::npos) continue;
    ++lines;
    EXPECT_THROW(parse_profile(whole.substr(0, at) + whole.substr(end + 1), "p"), Error) << line;
  }
  EXPECT_GT(lines, 40);
}

TEST(ProfileTest, AnotherMakeIsNamedPartByPart) {
  const Profile profile = parse_profile(shipped("softhsm-2.6"), "p.toml");
  EXPECT_NO_THROW(check_make(profile, profile.make, "p.toml"));
  Make now = profile.make;
  now.version = "2.7";
  EXPECT_THAT([&] { check_make(profile, now, "p.toml"); },
              ThrowsErrc(Errc::kConflict, "module.version was '2.6' and is '2.7'"));
}

TEST(ProfileTest, EveryQuestionHasDifferentAnswersWithAMeaning) {
  for (const QuestionRow& row : questions()) {
    EXPECT_GE(row.answers.size(), 2U) << row.id;
    for (const Answer& answer : row.answers) {
      EXPECT_FALSE(answer.meaning.empty()) << row.id;
      EXPECT_EQ(find_answer(row.question, answer.word), &answer) << row.id << answer.word;
    }
  }
}

}  // namespace
}  // namespace poolkey::hsm
