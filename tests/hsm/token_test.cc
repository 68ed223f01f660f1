#include "hsm/token.h"

#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/soft_token.h"
#include "tests/base/process.h"

namespace poolkey::hsm {
namespace {

using test::SoftToken;
using test::ThrowsErrc;
using test::ThrowsRv;

/// C_InitToken alone, as a process does that dies right after it, or one that is not ours.
std::string initialise_raw(Module& module, const std::string& label, const std::string& so_pin) {
  std::string padded = label, pin = so_pin;
  padded.resize(32, ' ');
  for (const TokenInfo& token : module.tokens()) {
    if (token.initialized()) continue;
    check(module.fn().C_InitToken(token.slot, reinterpret_cast<CK_UTF8CHAR*>(pin.data()),
                                  static_cast<CK_ULONG>(pin.size()),
                                  reinterpret_cast<CK_UTF8CHAR*>(padded.data())),
          "initialise a token");
    CK_TOKEN_INFO info{};
    check(module.fn().C_GetTokenInfo(token.slot, &info), "look at it");
    return trimmed(info.serialNumber, sizeof info.serialNumber);
  }
  throw Error(Errc::kInternal, "no free slot");
}

/// Counts the calls of C_Login while it lives.
class LoginCounter {
 public:
  explicit LoginCounter(Module& module) : list_(const_cast<CK_FUNCTION_LIST&>(module.fn().real())) {
    real_ = list_.C_Login;
    count_ = 0;
    list_.C_Login = [](CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin,
                       CK_ULONG size) {
      ++count_;
      return real_(session, user, pin, size);
    };
  }
  LoginCounter(const LoginCounter&) = delete;
  LoginCounter& operator=(const LoginCounter&) = delete;
  ~LoginCounter() { list_.C_Login = real_; }
  int count() const { return count_; }

 private:
  CK_FUNCTION_LIST& list_;
  static inline CK_C_Login real_ = nullptr;
  static inline int count_ = 0;
};

TEST(FindTokenTest, FindsByLabelAndBySerial) {
  SoftToken soft("edge1");
  const std::string other = soft.add("edge2");
  EXPECT_EQ(find_token(*soft.module(), {"edge1", ""}).serial, soft.serial());
  EXPECT_EQ(find_token(*soft.module(), {"edge2", other}).label, "edge2");
}

TEST(FindTokenTest, SerialOfAnotherTokenIsNotFound) {
  SoftToken soft("edge1");
  const std::string other = soft.add("edge2");
  EXPECT_THAT([&] { find_token(*soft.module(), {"edge1", other}); }, ThrowsErrc(Errc::kNotFound));
}

TEST(FindTokenTest, MissingTokenIsReportedWithThoseThatAreThere) {
  const SoftToken soft("edge1");
  EXPECT_THAT(
      [&] {
        find_token(*soft.module(), {"edge9", ""});
      },
      ThrowsErrc(Errc::kNotFound, "'edge1' (serial " + soft.serial() + ")"));
}

TEST(FindTokenTest, TwoTokensWithOneLabelAreAConflictThatNamesTheSerials) {
  const SoftToken soft("edge1");
  const std::string twin = initialise_raw(*soft.module(), "edge1", soft.so_pin());
  const auto find = [&] { find_token(*soft.module(), {"edge1", ""}); };
  EXPECT_THAT(find, ThrowsErrc(Errc::kConflict, twin));
  EXPECT_THAT(find, ThrowsErrc(Errc::kConflict, soft.serial()));
  EXPECT_EQ(find_token(*soft.module(), {"edge1", twin}).serial, twin);
}

TEST(FindTokenTest, TokenThatAnotherProcessMadeIsSeen) {
  SoftToken soft("edge1");
  ASSERT_EQ(test::run_child([&] { soft.add("late"); }), 0);
  for (const TokenInfo& token : soft.module()->tokens()) EXPECT_NE(token.label, "late");
  EXPECT_EQ(find_token(*soft.module(), {"late", ""}).label, "late");
}

TEST(LoginTest, WrongPinIsTriedOnceAndNeverAgain) {
  const SoftToken soft;
  const auto token = soft.open();
  const LoginCounter counter(*soft.module());
  const auto login = [&] { token->login(Role::kUser, Pin("9999")); };
  EXPECT_THAT(login, ThrowsErrc(Errc::kAuthFailed, "not tried again"));
  EXPECT_EQ(counter.count(), 1);
}

TEST(LoginTest, WrongPinOfTheSecurityOfficerIsTriedOnceToo) {
  const SoftToken soft;
  const auto token = soft.open();
  const LoginCounter counter(*soft.module());
  EXPECT_THAT([&] { token->login(Role::kSecurityOfficer, Pin("99999999")); },
              ThrowsRv(CKR_PIN_INCORRECT));
  EXPECT_EQ(counter.count(), 1);
}

TEST(LoginTest, LoginHoldsForEverySessionOfTheToken) {
  const SoftToken soft;
  const auto token = soft.login();
  const Lease lease = token->lease();
  CK_SESSION_INFO info{};
  check(lease->fn().C_GetSessionInfo(lease->handle(), &info), "look at a session");
  EXPECT_EQ(info.state, CKS_RW_USER_FUNCTIONS);
}

TEST(LoginTest, SecondLoginOfTheSameRoleIsNoError) {
  const SoftToken soft;
  const auto token = soft.login();
  EXPECT_NO_THROW(soft.open()->login(Role::kUser, Pin(soft.user_pin())));
}

TEST(LoginTest, SecurityOfficerDoesNotLogInBesideTheUser) {
  const SoftToken soft;
  const auto token = soft.login();
  EXPECT_THAT([&] { token->login(Role::kSecurityOfficer, Pin(soft.so_pin())); },
              ThrowsErrc(Errc::kConflict));
}

TEST(LoginTest, RolesChangeAfterALogout) {
  const SoftToken soft;
  const auto token = soft.login();
  token->logout();
  EXPECT_NO_THROW(token->login(Role::kSecurityOfficer, Pin(soft.so_pin())));
}

TEST(InitTokenTest, NeverErasesATokenThatExists) {
  SoftToken soft("edge1");
  EXPECT_THAT([&] { soft.add("edge1"); }, ThrowsErrc(Errc::kAlreadyExists, soft.serial()));
  EXPECT_EQ(find_token(*soft.module(), {"edge1", ""}).serial, soft.serial());
  EXPECT_NO_THROW(soft.login());
}

TEST(InitTokenTest, FinishesATokenWhoseMakingWasInterrupted) {
  SoftToken soft("edge1");
  const std::string half = initialise_raw(*soft.module(), "edge2", soft.so_pin());
  EXPECT_EQ(soft.add("edge2"), half);
  EXPECT_NO_THROW(soft.login("edge2"));
}

TEST(InitTokenTest, DoesNotFinishSomebodyElsesHalfMadeToken) {
  SoftToken soft("edge1");
  const std::string theirs = initialise_raw(*soft.module(), "edge2", "another SO PIN");
  EXPECT_THAT([&] { soft.add("edge2"); }, ThrowsErrc(Errc::kAuthFailed));
  EXPECT_EQ(find_token(*soft.module(), {"edge2", ""}).serial, theirs);
}

TEST(InitTokenTest, LabelHasOneToThirtyTwoOctets) {
  SoftToken soft;
  for (const std::string& label : {std::string(), std::string(33, 'x')})
    EXPECT_THAT([&] { soft.add(label); }, ThrowsErrc(Errc::kInvalidArgument));
  const std::string longest(32, 'x');
  EXPECT_EQ(find_token(*soft.module(), {longest, soft.add(longest)}).label, longest);
}

}  // namespace
}  // namespace poolkey::hsm
