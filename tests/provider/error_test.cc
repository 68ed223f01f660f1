// What a person reads when something is wrong, with the real `openssl` command.
#include "base/file.h"
#include "fixture.h"
#include "provider/lookup.h"
#include "support/faulty_token.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;
using testing::Not;

class ErrorTest : public testing::Test, public CommandFixture {
 protected:
  std::string fails(const std::string& line) const {
    const Outcome outcome = run("timeout 20 " + line);
    EXPECT_NE(outcome.status, 0) << outcome.text;
    EXPECT_NE(outcome.status, 124) << "it went on for ever";
    return outcome.text;
  }
  std::string request(const std::string& of) const {
    return fails("openssl req -new -key '" + of + "' -subj /CN=x");
  }
};

TEST_F(ErrorTest, AWrongPin) {
  make_key("RSA-2048", "k");
  configure("", "9999");
  const std::string said = request(uri("k"));
  EXPECT_THAT(said, HasSubstr("CKR_PIN_INCORRECT (the PIN is wrong"));
  EXPECT_THAT(said, HasSubstr("PINs are read from '" + (soft.folder() / "pin").string()));
  configure("", "");
  EXPECT_THAT(fails("openssl req -new -key '" + uri("k") + "' -passin pass:9999 -subj /CN=x"),
              HasSubstr("CKR_PIN_INCORRECT"));
}

TEST_F(ErrorTest, NoPinAtAll) {
  make_key("RSA-2048", "k");
  configure("", "");
  EXPECT_THAT(request(uri("k")), HasSubstr("set poolkey-pin-source in openssl.cnf"));
}

TEST_F(ErrorTest, APinFileThatIsNotThere) {
  make_key("RSA-2048", "k");
  must("rm pin");
  EXPECT_THAT(request(uri("k")), HasSubstr("cannot read the PIN (poolkey-pin-source)"));
}

TEST_F(ErrorTest, NoSuchObject) {
  for (const char* label : {"a", "b", "c", "d", "e", "a\nf"}) make_key("EC-P-256", label);
  const std::string said = request(uri("nobody"));
  EXPECT_THAT(said, HasSubstr("; it has object="));
  EXPECT_THAT(said, HasSubstr(" and 1 other private keys"));
  EXPECT_THAT(said, Not(HasSubstr("object=a\n")));
}

TEST_F(ErrorTest, NoSuchObjectInAnEmptyToken) {
  EXPECT_THAT(request(uri("nobody")), HasSubstr("there is no private key '" + uri("nobody")));
}

TEST_F(ErrorTest, ASentenceThatIsTooLongForOpenSslIsCut) {
  // The tracer of g++ 12's LeakSanitizer dies in this process of a signal; valgrind finds no leak.
  EXPECT_THAT(
      fails("env ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 openssl req -new -subj /CN=x -key '" +
            uri(std::string(3000, 'a')) + "'"),
      HasSubstr("there is no private key 'pkcs11:token=test;object=aaa"));
}

TEST_F(ErrorTest, NoSuchToken) {
  EXPECT_THAT(request("pkcs11:token=other;object=k"), HasSubstr("no token matches"));
}

TEST_F(ErrorTest, SeveralTokens) {
  soft.add("second");
  EXPECT_THAT(request("pkcs11:object=k"), HasSubstr("matches several tokens"));
  configure("poolkey-token = second\n");
  EXPECT_THAT(request("pkcs11:object=k"), HasSubstr("in token 'second'"));
}

TEST_F(ErrorTest, NoOtherProvider) {
  make_key("EC-P-256", "k");
  must("sed -i '/^default = /d' openssl.cnf");
  const std::string said = request(uri("k"));
  EXPECT_THAT(said, HasSubstr("no other provider is active"));
  EXPECT_THAT(said, Not(HasSubstr("CKR_PIN_INCORRECT")));
}

TEST_F(ErrorTest, AConfigurationOfSoftHsmThatIsNotThere) {
  configure("poolkey-softhsm2-conf = /nonexistent.conf\n");
  EXPECT_THAT(request(uri("k")), HasSubstr("SoftHSM's configuration '/nonexistent.conf' is not"));
}

TEST_F(ErrorTest, AConfigurationOfSoftHsmThatIsAnother) {
  must("sed 's#/tokens#/others#' softhsm2.conf >others.conf; mkdir others");
  const std::string others = (soft.folder() / "others.conf").string();
  configure("poolkey-token = test\npoolkey-softhsm2-conf = " + others + "\n");
  EXPECT_THAT(request(uri("k")), HasSubstr("there is no token 'test' in '"));
  EXPECT_THAT(request(uri("k")), HasSubstr("(by '" + others + "')"));
}

TEST_F(ErrorTest, AUriWithAComponentWithoutEquals) {
  EXPECT_THAT(request("pkcs11:token=test;object"), HasSubstr("the component 'object' has no '='"));
}

TEST_F(ErrorTest, APinInTheUri) {
  EXPECT_THAT(request("pkcs11:token=test;object=k?pin-value=1234"),
              HasSubstr("has a 'pin-value', which is refused"));
}

TEST_F(ErrorTest, NothingIsSaidOfAnotherScheme) {
  EXPECT_THAT(request("nosuchfile.pem"), Not(HasSubstr("poolkey::")));
}

TEST_F(ErrorTest, AModuleThatIsNotThere) {
  configure("poolkey-module = /nonexistent.so\n");
  EXPECT_THAT(request(uri("k")), HasSubstr("correct poolkey-module in openssl.cnf"));
}

TEST_F(ErrorTest, ASettingThatCannotBe) {
  configure("poolkey-pin-source = |/bin/echo 1234\n", "");
  EXPECT_THAT(request(uri("k")), HasSubstr("poolkey-pin-source must be 'file:'"));
  configure("poolkey-module = libsofthsm2.so\n");
  EXPECT_THAT(request(uri("k")), HasSubstr("is not an absolute path; correct openssl.cnf"));
}

/// Without a login of our own: where somebody is logged in, SoftHSM does not look at a PIN.
TEST(LoginTest, AWrongPinIsNotTriedTwiceButAnotherIs) {
  const test::FaultyToken soft;
  const auto pin_file = soft.folder() / "pin";
  Tokens tokens(Settings{.module = {.path = test::kFaultyModule}, .pin_file = pin_file});
  const auto token = tokens.matching(parse_object_uri("pkcs11:token=test")).front();
  const auto login = [&] {
    token->login(token->pin_or([] { return Pin("unused"); }), tokens.deadline());
  };
  test::set_faults("");
  write_file(pin_file, std::string_view("9999\n"), 0600);
  for (int tries = 0; tries < 3; ++tries)
    EXPECT_THAT(login, test::ThrowsErrc(Errc::kAuthFailed, "CKR_PIN_INCORRECT"));
  EXPECT_EQ(test::calls_of("C_Login"), 1U);
  EXPECT_FALSE(token->logged_in());
  write_file(pin_file, std::string_view(soft.user_pin()), 0600);
  login();
  EXPECT_TRUE(token->logged_in());
}

}  // namespace
}  // namespace poolkey::provider
