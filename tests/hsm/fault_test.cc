// A module that misbehaves, one fault after the other, and what we promise of each.
#include <algorithm>

#include "base/process.h"
#include "hsm/key_pair.h"
#include "hsm/sign.h"
#include "hsm/wrap.h"
#include "keys/possession.h"
#include "support/faulty_token.h"
#include "support/matchers.h"
#include "support/raw_calls.h"

namespace poolkey::hsm {
namespace {

using test::calls_of;
using test::FaultyToken;
using test::set_faults;
using test::ThrowsErrc;
using test::ThrowsRv;

class FaultTest : public testing::Test {
 protected:
  KeyPairSpec spec(const std::string& label, bool copyable = true) const {
    KeyPairSpec out;
    out.algorithm = "EC-P-256";
    out.private_attributes = {{"CKA_SENSITIVE", true},
                              {"CKA_EXTRACTABLE", false},
                              {"CKA_SIGN", true},
                              {"CKA_COPYABLE", copyable},
                              {"CKA_MODIFIABLE", copyable}};
    out.public_attributes = {{"CKA_VERIFY", true}};
    out.label = label;
    out.id = to_bytes("id of " + label);
    return out;
  }
  crypto::PublicKey make(const std::string& label) {
    return generate_key_pair(*token, spec(label));
  }
  std::vector<KeyObject> private_keys() {
    const Lease lease = token->lease();
    return find_private_keys(*lease, {});
  }
  std::size_t objects() {
    const Lease lease = token->lease();
    return find_objects(*lease, {}).size();
  }
  /// A signature as the verbs make it.
  Bytes sign(const crypto::PublicKey& key) {
    const Lease lease = token->lease();
    const auto found = find_private_key(*lease, key);
    return keys::sign_with_object(*lease, found.value().handle, key, view("m"));
  }

  FaultyToken soft;
  std::shared_ptr<Token> token = soft.login();
};

TEST_F(FaultTest, ASignatureThatFailedIsNotLeftActiveInASession) {
  const crypto::PublicKey key = make("k");
  for (const char* fault : {"before CKR_DEVICE_ERROR", "after CKR_DEVICE_ERROR"}) {
    set_faults("C_Sign 1 " + std::string(fault));
    EXPECT_THAT([&] { sign(key); }, ThrowsRv(CKR_DEVICE_ERROR)) << fault;
    EXPECT_TRUE(key.verify("SHA256", view("m"), sign(key))) << fault;
    EXPECT_EQ(calls_of("C_Sign"), 2U) << fault;
  }
}

TEST_F(FaultTest, ASessionThatDiedIsReplacedAndSoAreTheIdleOnes) {
  const crypto::PublicKey key = make("k");
  { const Lease one = token->lease(), other = token->lease(); }
  const auto epoch = token->epoch();
  set_faults("C_SignInit 1 lose-session");
  EXPECT_THAT([&] { sign(key); }, ThrowsRv(CKR_SESSION_HANDLE_INVALID));
  EXPECT_GT(token->epoch(), epoch);
  EXPECT_TRUE(key.verify("SHA256", view("m"), sign(key)));
  EXPECT_GE(calls_of("C_OpenSession"), 1U);
}

TEST_F(FaultTest, AnExceptionOfAnyKindSpoilsTheLeaseThatItEnds) {
  CK_SESSION_HANDLE before = CK_INVALID_HANDLE;
  try {
    const Lease lease = token->lease();
    before = lease->handle();
    throw Error(Errc::kConflict, "something");
  } catch (const Error&) {
  }
  EXPECT_NE(token->lease()->handle(), before);
}

TEST_F(FaultTest, AnObjectWhoseHandleDiedIsFoundUnderItsNewOne) {
  make("k");
  set_faults("C_GetAttributeValue 1 lose-object");
  EXPECT_EQ(private_keys().size(), 1U);
}

TEST_F(FaultTest, AnotherKeyUnderTheHandleDoesNotSign) {
  const crypto::PublicKey key = make("k");
  make("other");
  set_faults("C_SignInit 1 reuse-object");
  EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kConflict, "another key"));
  EXPECT_TRUE(key.verify("SHA256", view("m"), sign(key)));
}

TEST_F(FaultTest, AnotherKeyUnderTheHandleIsNotDestroyedInTheUnfinishedOnesPlace) {
  make("other");
  set_faults("C_GetAttributeValue 5 reuse-object");
  EXPECT_ANY_THROW(generate_key_pair(*token, spec("k", /*copyable=*/false)));
  const auto left = private_keys();
  EXPECT_TRUE(
      std::any_of(left.begin(), left.end(), [](const auto& k) { return k.label == "other"; }));
}

TEST_F(FaultTest, APairIsItsOwnWhicheverHandleIsGivenToAnotherKeyWhileItIsMade) {
  make("other");
  int refused = 0;
  const std::vector<std::pair<std::string, int>> calls{
      {"C_GetAttributeValue", 28}, {"C_CopyObject", 2}, {"C_SignInit", 1}};
  for (const auto& [function, last] : calls)
    for (int call = 1; call <= last; ++call) {
      const std::string at = function + " " + std::to_string(call);
      const KeyPairSpec wanted = spec(at, /*copyable=*/call % 2 == 1);
      set_faults(at + " reuse-object");
      std::optional<crypto::PublicKey> made;
      try {
        made = keys::obtain_pair(*token, wanted).key;
      } catch (const Error&) {
        ++refused;
      }
      set_faults("");
      if (made) {
        EXPECT_TRUE(made->verify("SHA256", view("m"), sign(*made))) << at;
      }
      destroy_by_id(*token, wanted.id);
      EXPECT_EQ(objects(), 2U) << at;
    }
  EXPECT_GT(refused, 10);
}

TEST_F(FaultTest, ACopyOfAnotherObjectIsNotLeftInTheTokenInItsPlace) {
  make("other");
  const crypto::PublicKey key = make("k");
  const Bytes id = spec("k").id;
  destroy_by_id(*token, id);
  for (const char* fault : {"C_CopyObject 1 reuse-object", "C_GetAttributeValue 1 reuse-object"}) {
    set_faults(fault);
    EXPECT_THROW(create_public_object(*token->lease(), key, {}, "k", id), Error) << fault;
    set_faults("");
    destroy_by_id(*token, id);
    EXPECT_EQ(objects(), 2U) << fault;
  }
}

TEST_F(FaultTest, APairThatLostItsPublicObjectIsNotAdopted) {
  KeyPairSpec wanted = spec("k");
  wanted.algorithm = "RSA-2048";  // of which the private object tells the public key
  generate_key_pair(*token, wanted);
  {
    const Lease lease = token->lease();
    Template half;
    half.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY});
    for (const auto object : find_objects(*lease, std::move(half))) destroy_object(*lease, object);
  }
  EXPECT_FALSE(keys::adopt_pair(*token, wanted));
  EXPECT_EQ(objects(), 0U);
}

TEST_F(FaultTest, ALoginThatWasLostIsNotTakenForKeysThatAreGone) {
  const crypto::PublicKey key = make("k");
  set_faults("C_FindObjectsInit 1 restart");
  EXPECT_THAT([&] { private_keys(); }, ThrowsRv(CKR_SESSION_HANDLE_INVALID));
  EXPECT_THAT([&] { private_keys(); }, ThrowsErrc(Errc::kUnavailable, "lost its login"));
}

TEST_F(FaultTest, WhatALostReplyLeftIsMadeWholeByTheNextRun) {
  for (const char* fault :
       {"C_GenerateKeyPair 1 after CKR_DEVICE_ERROR", "C_CopyObject 1 after CKR_DEVICE_ERROR",
        "C_CopyObject 2 after CKR_DEVICE_ERROR", "C_CopyObject 2 before CKR_DEVICE_ERROR"}) {
    set_faults(fault);
    const KeyPairSpec wanted = spec(fault);
    EXPECT_THAT([&] { generate_key_pair(*token, wanted); }, ThrowsRv(CKR_DEVICE_ERROR)) << fault;
    const auto adopted = keys::adopt_pair(*token, wanted);
    if (!adopted) generate_key_pair(*token, wanted);
    EXPECT_EQ(objects(), 2U) << fault;
    EXPECT_EQ(destroy_by_id(*token, wanted.id), 2U) << fault;
  }
}

TEST_F(FaultTest, ATokenWhoseMakingWasNotAnsweredIsTakenByTheNextRun) {
  const auto init = [&](const std::string& label, bool resumed) {
    return init_token(soft.module(), label, Pin(soft.so_pin()), Pin(soft.user_pin()), resumed);
  };
  for (const char* call : {"C_InitToken", "C_InitPIN", "C_Logout"}) {
    const std::string label = std::string("made by ") + call;
    set_faults(std::string(call) + " 1 after CKR_DEVICE_ERROR");
    EXPECT_THAT([&] { init(label, false); }, ThrowsRv(CKR_DEVICE_ERROR)) << call;
    EXPECT_EQ(init(label, true).label, label);
    EXPECT_TRUE(soft.login(label)) << call;
  }
}

TEST_F(FaultTest, ATokenThatHoldsSomethingIsNotTakenForOneWhoseMakingWasNotAnswered) {
  make("k");
  EXPECT_THAT(
      [&] { init_token(soft.module(), "test", Pin(soft.so_pin()), Pin(soft.user_pin()), true); },
      ThrowsErrc(Errc::kAlreadyExists));
}

TEST_F(FaultTest, ATokenWithAnotherPinIsNotTakenForOneWhoseMakingWasNotAnswered) {
  EXPECT_THAT([&] { init_token(soft.module(), "test", Pin(soft.so_pin()), Pin("4321"), true); },
              ThrowsErrc(Errc::kAlreadyExists));
}

/// A wrong length, and the call that it is told by.
struct Length {
  std::string name;
  std::string function;
  std::string fault;
};
std::ostream& operator<<(std::ostream& out, const Length& length) { return out << length.name; }

class WrongLengthTest : public FaultTest, public testing::WithParamInterface<Length> {};

TEST_P(WrongLengthTest, IsCaught) {
  const crypto::PublicKey key = make("k");
  set_faults(GetParam().function + " 1 " + GetParam().fault);
  EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kUnavailable));
  EXPECT_TRUE(key.verify("SHA256", view("m"), sign(key)));
}

std::vector<Length> lengths() {
  std::vector<Length> out;
  for (const char* function : {"C_Sign", "C_FindObjects", "C_GetAttributeValue"})
    for (const char* fault : {"short", "long", "zero"})
      out.push_back({function + std::string(fault), function, fault});
  for (Length& length : out) std::erase(length.name, '_');
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, WrongLengthTest, testing::ValuesIn(lengths()),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(FaultTest, AWrongCountOfSlotsIsCaught) {
  for (const char* fault : {"short", "long", "zero"}) {
    set_faults(std::string("C_GetSlotList 2 ") + fault);
    EXPECT_THAT([&] { soft.module()->tokens(); }, ThrowsErrc(Errc::kUnavailable)) << fault;
    set_faults("C_GetSlotList 1 zero");
    EXPECT_FALSE(soft.module()->tokens().empty());
  }
}

TEST_F(FaultTest, AWrongLengthOfAWrappedKeyIsCaught) {
  const auto wrap = [&] {
    const auto officer = soft.login_as_security_officer();
    Session& session = officer->keeper();
    const CK_OBJECT_HANDLE one = generate_trusted_wrapping_key(session);
    const CK_OBJECT_HANDLE other = generate_trusted_wrapping_key(session);
    return wrap_kwp(session, one, other);
  };
  token.reset();
  EXPECT_EQ(wrap().size(), 40U);  // RFC 5649: 32 octets and one semiblock
  for (const char* fault : {"short", "long", "zero"}) {
    set_faults(std::string("C_WrapKey 1 ") + fault);
    EXPECT_THAT(wrap, ThrowsErrc(Errc::kUnavailable, "nothing of it was used")) << fault;
  }
}

/// A flag in CK_TOKEN_INFO under which a PIN is left alone.
struct Flag {
  std::string name;
  Role role;
  std::string words;
};
std::ostream& operator<<(std::ostream& out, const Flag& flag) { return out << flag.name; }

class PinFlagTest : public testing::TestWithParam<Flag> {};

TEST_P(PinFlagTest, KeepsThePinFromBeingTried) {
  const FaultyToken soft;
  const auto token = soft.open();
  set_faults("C_GetTokenInfo 1+ flags " + GetParam().name);
  const Pin pin(GetParam().role == Role::kUser ? soft.user_pin() : soft.so_pin());
  EXPECT_THAT([&] { token->login(GetParam().role, pin); },
              ThrowsErrc(Errc::kAuthFailed, GetParam().words));
  EXPECT_EQ(calls_of("C_Login"), 0U);
  set_faults("");
  token->login(GetParam().role, pin);
}

INSTANTIATE_TEST_SUITE_P(
    All, PinFlagTest,
    testing::Values(Flag{"CKF_USER_PIN_FINAL_TRY", Role::kUser, "does not try"},
                    Flag{"CKF_USER_PIN_LOCKED", Role::kUser, "is locked"},
                    Flag{"CKF_SO_PIN_FINAL_TRY", Role::kSecurityOfficer, "does not try"},
                    Flag{"CKF_SO_PIN_LOCKED", Role::kSecurityOfficer, "is locked"}),
    [](const auto& tested) { return tested.param.name; });

TEST(PinFlagsTest, OfTheOtherRoleDoNotMatter) {
  const FaultyToken soft;
  set_faults("C_GetTokenInfo 1+ flags CKF_SO_PIN_LOCKED");
  EXPECT_TRUE(soft.login());
}

}  // namespace
}  // namespace poolkey::hsm
