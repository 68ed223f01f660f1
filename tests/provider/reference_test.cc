// PEM files that hold a reference, read by programs that know nothing but key files.
#include "base/file.h"
#include "crypto/digest.h"
#include "crypto/key_reference.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// As openssl prints the names of what it found.
std::string only(const std::string& kind) { return "0: " + kind + "\nTotal found: 1\n"; }

class ReferenceTest : public testing::TestWithParam<const char*>, public CommandFixture {
 protected:
  ReferenceTest() {
    const crypto::PublicKey key = make_key(GetParam(), "k");
    write_file(soft.folder() / "key.pem", crypto::reference_pem({uri("k"), key.spki_sha256()}));
    must("openssl pkey -in '" + uri("k") +
         "' -pubout -out pub.pem\n"
         "openssl req -x509 -new -key key.pem -subj /CN=k -days 3 -out c.pem");
  }
};
INSTANTIATE_TEST_SUITE_P(All, ReferenceTest, kAlgorithms, algorithm_name);

TEST_P(ReferenceTest, SignsForEveryProgramThatReadsAKeyFile) {
  must("OPENSSL_CONF=$PLAIN openssl verify -CAfile c.pem c.pem");
  must("echo content > message; openssl dgst -sha256 -sign key.pem -out s message");
  must("OPENSSL_CONF=$PLAIN openssl dgst -sha256 -verify pub.pem -signature s message");
  must("openssl pkey -pubin -in key.pem -pubout | diff - pub.pem");
}

TEST_P(ReferenceTest, TheStoreFindsOnePrivateKeyInAFile) {
  EXPECT_EQ(must("openssl storeutl -noout key.pem"), only("Pkey"));
  must("cat c.pem key.pem c.pem > bundle.pem");
  EXPECT_THAT(must("openssl storeutl -noout bundle.pem"), HasSubstr("1: Pkey\n2: Certificate\n"));
  EXPECT_EQ(must("openssl storeutl -noout -keys bundle.pem"), only("Pkey"));
}

/// Programs look for Diffie-Hellman parameters in the file of the key.
TEST_P(ReferenceTest, IsNotTakenForParameters) {
  const Outcome none = run("openssl pkeyparam -in key.pem -noout");
  EXPECT_EQ(none.status, 1) << none.text;
  must("openssl genpkey -genparam -algorithm DH -pkeyopt group:ffdhe2048 -out dh.pem");
  must("cat key.pem dh.pem > both.pem; openssl pkeyparam -in both.pem | diff - dh.pem");
}

TEST_P(ReferenceTest, APythonServerLoadsItBesideItsCertificatesInAnyOrder) {
  const std::string load =
      "LD_PRELOAD=$POOLKEY_RUNTIME /usr/bin/python3 -c 'import ssl, sys\n"
      "ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*sys.argv[1:])' ";
  must(load + "c.pem key.pem");
  must("cat c.pem c.pem key.pem > one.pem; cat key.pem c.pem > other.pem");
  must(load + "one.pem");
  must(load + "other.pem");
}

TEST_P(ReferenceTest, AKeyThatIsNotTheOneIsNotLoaded) {
  write_file(soft.folder() / "key.pem",
             crypto::reference_pem({uri("k"), crypto::sha256(to_bytes("another"))}));
  const std::string sentence = "its fingerprint differs; nothing was loaded";
  EXPECT_THAT(run("openssl req -new -key key.pem -subj /CN=k").text, HasSubstr(sentence));
  const Outcome listed = run("openssl storeutl -noout key.pem");
  EXPECT_THAT(listed.text, HasSubstr(sentence));
  EXPECT_THAT(listed.text, Not(HasSubstr("Pkey")));
}

class PeerReferenceTest : public testing::Test, public CommandFixture {};

/// What pkcs11-provider 1.0 writes for pkcs11:token=test;object=k;type=private.
constexpr const char* kPeerFile =
    "-----BEGIN PKCS#11 PROVIDER URI-----\n"
    "MEQaGVBLQ1MjMTEgUHJvdmlkZXIgVVJJIHYxLjAMJ3BrY3MxMTp0b2tlbj10ZXN0O29iamVjdD1r\n"
    "O3R5cGU9cHJpdmF0ZQ==\n"
    "-----END PKCS#11 PROVIDER URI-----\n";

TEST_F(PeerReferenceTest, FilesOfPkcs11ProviderAreReadToo) {
  make_key("EC-P-256", "k");
  write_file(soft.folder() / "key.pem", std::string_view(kPeerFile));
  must("openssl req -new -key key.pem -subj /CN=k -out r.csr");
  must("OPENSSL_CONF=$PLAIN openssl req -in r.csr -verify -noout");
}

TEST_F(PeerReferenceTest, SoftwareKeysAreReadAsBefore) {
  must(
      "openssl genpkey -algorithm RSA -out soft.pem; openssl rsa -in soft.pem -traditional -aes256 "
      "-passout pass:x -out old.pem");
  must("openssl req -new -key soft.pem -subj /CN=k -out r.csr");
  must("openssl req -new -key old.pem -passin pass:x -subj /CN=k -out r.csr");
  EXPECT_THAT(run("openssl pkey -in openssl.cnf").text, Not(HasSubstr("poolkey::")));
}

}  // namespace
}  // namespace poolkey::provider
