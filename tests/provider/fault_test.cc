// The provider on a module that misbehaves: what was asked for is signed, or nothing.
#include "crypto/signature.h"
#include "fixture.h"
#include "support/faulty_token.h"

namespace poolkey::provider {
namespace {

using test::set_faults;
using test::ThrowsErrc;

class ProviderFaultTest : public testing::Test, public BuiltinFixture {
 protected:
  ProviderFaultTest() : BuiltinFixture(test::kFaultyModule) {}
  Bytes sign(const crypto::EvpPkey& key) const {
    return crypto::sign(key.get(), "SHA256", view("m"), builtin.context());
  }
};

TEST_F(ProviderFaultTest, AFailureCostsNoSignature) {
  const crypto::PublicKey made = make_key("EC-P-256", "k");
  const crypto::EvpPkey key = load("k");
  for (const char* fault : {"before CKR_DEVICE_ERROR", "after CKR_DEVICE_ERROR"}) {
    set_faults(std::string("C_Sign 1 ") + fault);
    EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key))) << fault;
  }
}

TEST_F(ProviderFaultTest, AFailureThatStaysIsToldWithItsKindAndTheNextSignatureIsMade) {
  const crypto::PublicKey made = make_key("EC-P-256", "k");
  const crypto::EvpPkey key = load("k");
  set_faults("C_Sign 1+ before CKR_DEVICE_ERROR");
  EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kUnavailable, "CKR_DEVICE_ERROR"));
  set_faults("");
  EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key)));
}

TEST_F(ProviderFaultTest, ASessionThatDiedCostsNoSignature) {
  const crypto::PublicKey made = make_key("RSA-2048", "k");
  const crypto::EvpPkey key = load("k");
  sign(key);
  set_faults("C_SignInit 1 lose-session");
  EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key)));
}

TEST_F(ProviderFaultTest, AHandleThatDiedCostsNoSignature) {
  for (const Signing signing : {Signing::kSessionCopy, Signing::kTokenObject}) {
    const std::string label = signing == Signing::kSessionCopy ? "copied" : "not copied";
    const crypto::PublicKey made = make_key("EC-P-256", label, signing);
    const crypto::EvpPkey key = load(label);
    sign(key);
    set_faults("C_SignInit 1 lose-object");
    EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key))) << label;
  }
}

TEST_F(ProviderFaultTest, AnotherKeyUnderTheHandleIsNoticedWithTheFirstSignature) {
  for (const Signing signing : {Signing::kSessionCopy, Signing::kTokenObject}) {
    const std::string label = signing == Signing::kSessionCopy ? "copied" : "not copied";
    const crypto::PublicKey made = make_key("EC-P-256", label, signing);
    make_key("EC-P-256", "other than " + label, signing);
    const crypto::EvpPkey key = load(label);
    set_faults("C_SignInit 1 reuse-object");
    EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key))) << label;
  }
}

TEST_F(ProviderFaultTest, AnotherKeyUnderTheHandleIsNoticedAfterSessionsWereLost) {
  const crypto::PublicKey made = make_key("EC-P-256", "k", Signing::kTokenObject);
  make_key("EC-P-256", "other", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  sign(key);  // the handle is good so far
  token->lease().spoil();
  set_faults("C_SignInit 1 reuse-object");
  EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key)));
}

TEST_F(ProviderFaultTest, AKeyThatNeverSignsAsItselfIsRefused) {
  make_key("EC-P-256", "k", Signing::kTokenObject);
  make_key("EC-P-256", "other", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  set_faults("C_SignInit 1+ reuse-object");
  EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kConflict, "nothing of it was used"));
}

TEST_F(ProviderFaultTest, ASignatureOfAWrongLengthIsRefused) {
  make_key("RSA-2048", "k");
  const crypto::EvpPkey key = load("k");
  for (const char* fault : {"short", "long", "zero"}) {
    set_faults(std::string("C_Sign 1 ") + fault);
    EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kUnavailable, "octets")) << fault;
  }
}

TEST_F(ProviderFaultTest, ALostLoginIsNotTakenForAKeyThatHasGone) {
  make_key("EC-P-256", "k", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  sign(key);
  set_faults("C_SignInit 1 restart");
  EXPECT_THAT([&] { sign(key); }, ThrowsErrc(Errc::kUnavailable, "lost its login"));
}

class ForeignFaultTest : public testing::Test, public CommandFixture {
 protected:
  ForeignFaultTest() { configure("", "1234", test::kFaultyModule); }
};

TEST_F(ForeignFaultTest, SigpipeOfTheModuleDoesNotKillOpenssl) {
  make_key("RSA-2048", "k");
  write_file(soft.folder() / "m", std::string_view("m"));
  const std::string sign = "openssl dgst -sha256 -sign '" + uri("k") + "' -out s m";
  must("FAULTY_MODULE_SCRIPT='C_Sign 1 sigpipe' FAULTY_MODULE_REPORT=report " + sign);
  EXPECT_THAT(must("cat report"), testing::HasSubstr("C_Sign: C_Sign 1 sigpipe"));
}

}  // namespace
}  // namespace poolkey::provider
