// The real `openssl` command with poolkey.so; results are checked by one that does not load it.
#include "base/file.h"
#include "fixture.h"
#include "hsm/object.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;
using testing::Not;

class CommandTest : public testing::TestWithParam<const char*>, public CommandFixture {
 protected:
  CommandTest() {
    make_key(GetParam(), "k");
    must(
        "openssl pkey -in 'pkcs11:token=test;object=k;type=private' -pubout -out pub.pem\n"
        "echo content > message");
  }
};
INSTANTIATE_TEST_SUITE_P(All, CommandTest, kAlgorithms, algorithm_name);

TEST_P(CommandTest, RequestIsSignedAndVerifies) {
  must("openssl req -new -key '" + uri("k") + "' -subj /CN=sip.contoso.com -out r.csr");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl req -in r.csr -verify -noout"),
              HasSubstr("verify OK"));
}

TEST_P(CommandTest, APublicKeyIsWrittenWithANamedCurve) {
  const std::string text = must("OPENSSL_CONF=$PLAIN openssl pkey -pubin -in pub.pem -text -noout");
  EXPECT_THAT(must("cat pub.pem"), HasSubstr("BEGIN PUBLIC KEY"));
  if (std::string(GetParam()).starts_with("EC"))
    EXPECT_THAT(text, HasSubstr("NIST CURVE: P-"));
  else
    EXPECT_THAT(text, HasSubstr("2048 bit"));
}

TEST_P(CommandTest, DgstSigns) {
  must("openssl dgst -sha384 -sign '" + uri("k") + "' -out s message");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl dgst -sha384 -verify pub.pem -signature s message"),
              HasSubstr("Verified OK"));
}

TEST_P(CommandTest, PkeyutlSignsRawAndFinishedDigests) {
  must("openssl dgst -sha256 -binary -out d message");
  must("openssl pkeyutl -sign -inkey '" + uri("k") + "' -pkeyopt digest:sha256 -in d -out s");
  must(
      "OPENSSL_CONF=$PLAIN openssl pkeyutl -verify -pubin -inkey pub.pem -pkeyopt digest:sha256 "
      "-in d -sigfile s");
  must("openssl pkeyutl -verify -inkey '" + uri("k") + "' -pkeyopt digest:sha256 -in d -sigfile s");
  must("openssl pkeyutl -sign -rawin -digest sha512 -inkey '" + uri("k") + "' -in message -out s");
  must(
      "OPENSSL_CONF=$PLAIN openssl pkeyutl -verify -rawin -digest sha512 -pubin -inkey pub.pem "
      "-in message -sigfile s");
}

TEST_P(CommandTest, CmsAndACertificateOfItsOwn) {
  must("openssl req -x509 -new -key '" + uri("k") + "' -subj /CN=x -days 3 -out c.pem");
  must("OPENSSL_CONF=$PLAIN openssl verify -CAfile c.pem c.pem");
  for (const std::string attributes : {"", "-noattr"}) {
    must("openssl cms -sign -binary -nodetach " + attributes + " -signer c.pem -inkey '" +
         uri("k") + "' -in message -outform DER -out m.cms");
    EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl cms -verify -inform DER -in m.cms -CAfile c.pem "
                     "-purpose any"),
                HasSubstr("content"));
  }
}

TEST_P(CommandTest, TheStoreListsOneObjectForAPrivateKey) {
  const std::string text = must("openssl storeutl -noout '" + uri("k") + "'");
  EXPECT_THAT(text, HasSubstr("Total found: 1"));
  EXPECT_THAT(must("openssl storeutl -noout pkcs11:token=test"), HasSubstr("Total found: 1"));
  EXPECT_THAT(must("openssl pkey -pubin -in 'pkcs11:token=test;object=k' -pubout | diff - pub.pem"),
              testing::IsEmpty());
}

TEST_P(CommandTest, ACertificateIsReadFromTheTokenWithoutAPin) {
  must("openssl req -x509 -new -key '" + uri("k") +
       "' -subj /CN=x -days 3 -out c.pem; openssl x509 -in c.pem -outform DER -out c.der");
  {
    hsm::Template object;
    object.set(CKA_CLASS, CK_ULONG{CKO_CERTIFICATE})
        .set(CKA_CERTIFICATE_TYPE, CK_ULONG{CKC_X_509})
        .set(CKA_TOKEN, true)
        .set(CKA_PRIVATE, false)
        .set(CKA_LABEL, "k")
        .set(CKA_ID, "k")
        .set(CKA_SUBJECT, "x")
        .set(CKA_VALUE, read_file(soft.folder() / "c.der"));
    hsm::create_object(*token->lease(), std::move(object));
  }
  configure("", "");
  EXPECT_THAT(must("openssl x509 -in 'pkcs11:token=test;object=k;type=cert' | diff - c.pem"),
              testing::IsEmpty());
  EXPECT_THAT(must("openssl storeutl -noout -certs 'pkcs11:token=test;object=k'"),
              HasSubstr("Total found: 1"));
}

TEST_P(CommandTest, ThePrivateKeyIsNotWritten) {
  const Outcome outcome = run("openssl pkey -in '" + uri("k") + "' -out private.pem");
  EXPECT_NE(outcome.status, 0);
  EXPECT_THAT(must("cat private.pem 2>/dev/null || true"), Not(HasSubstr("PRIVATE KEY")));
}

TEST_P(CommandTest, WorksWithAMandatoryPropertyQuery) {
  must("openssl req -new -propquery provider=poolkey -key '" + uri("k") + "' -subj /CN=x -out q");
  must("OPENSSL_CONF=$PLAIN openssl req -in q -verify -noout");
}

TEST_P(CommandTest, WorksWithThePinFromThePassphrase) {
  configure("", "");
  must("openssl req -new -key '" + uri("k") + "' -passin pass:1234 -subj /CN=x -out p.csr");
}

class RsaCommandTest : public testing::Test, public CommandFixture {};

TEST_F(RsaCommandTest, PssInRequestsAndCms) {
  make_key("RSA-2048", "k");
  must("echo content > message; openssl req -x509 -new -key '" + uri("k") +
       "' -subj /CN=x -days 3 -out c.pem");
  for (const std::string salt : {"digest", "max", "auto", "20"}) {
    must("openssl req -new -key '" + uri("k") + "' -subj /CN=x -sigopt rsa_padding_mode:pss " +
         "-sigopt rsa_pss_saltlen:" + salt + " -out r.csr");
    EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl req -in r.csr -verify -noout"),
                HasSubstr("verify OK"));
  }
  must("openssl cms -sign -binary -nodetach -signer c.pem -inkey '" + uri("k") +
       "' -keyopt rsa_padding_mode:pss -in message -outform DER -out m.cms");
  must("OPENSSL_CONF=$PLAIN openssl cms -verify -inform DER -in m.cms -CAfile c.pem -purpose any");
}

TEST_F(RsaCommandTest, SpkacIsSigned) {
  make_key("RSA-2048", "k");
  must("openssl spkac -key '" + uri("k") + "' -challenge hello -out s");
  must("OPENSSL_CONF=$PLAIN openssl spkac -in s -verify -noout");
}

TEST_F(RsaCommandTest, TheModuleExportsOneSymbol) {
  EXPECT_THAT(must("nm -D --defined-only " POOLKEY_BINARY_DIR
                   "/ossl-modules/poolkey.so | awk '{print $3}'"),
              testing::Eq("OSSL_provider_init\n"));
}

TEST_F(RsaCommandTest, TheProviderIsListedAndTouchesNoModuleBeforeItIsNeeded) {
  configure("", "");
  EXPECT_THAT(must("rm softhsm2.conf; openssl list -providers"),
              HasSubstr("poolkey PKCS#11 provider"));
}

}  // namespace
}  // namespace poolkey::provider
