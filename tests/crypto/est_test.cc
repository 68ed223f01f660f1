// What EST says in ASN.1, with openssl as the witness.
#include "crypto/est.h"

#include <gmock/gmock.h>

#include "crypto/bundle.h"
#include "crypto/csr.h"
#include "tests/base/process.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class EstTest : public testing::Test {
 protected:
  std::string file(ByteView octets) const {
    const auto path = folder_ / "octets";
    write_file(path, octets);
    return path.string();
  }
  Scratch folder_;
};

Certificate self_signed(const std::string& name) {
  const EvpPkey key = ec_key();
  CertificateSpec spec{.subject = {.common_name = name},
                       .not_before = at("2026-11-22T08:00:00Z"),
                       .not_after = at("2027-11-22T08:00:00Z"),
                       .key_usage = {KeyUsage::kDigitalSignature}};
  return Certificate::from_der(issue_self_signed(spec, key.get()));
}

TEST_F(EstTest, CertificatesWithoutASignerAreReadByOpenssl) {
  const Certificate a = self_signed("a"), b = self_signed("b");
  const Bytes der = certs_only({a, b});
  const CommandResult read = openssl("pkcs7 -inform DER -print_certs -in " + file(der));
  EXPECT_EQ(read.status, 0) << read.output;
  EXPECT_THAT(read.output, AllOf(HasSubstr("subject=CN = a"), HasSubstr("subject=CN = b")));
  EXPECT_THAT(read_bundle(der).certificates, testing::UnorderedElementsAre(a, b));
}

TEST_F(EstTest, WishesNameKeyUsageAndSignature) {
  const auto shown = [&](const CsrWishes& wishes) {
    return openssl("asn1parse -inform DER -in " + file(csr_attributes(wishes))).output;
  };
  EXPECT_THAT(
      shown({"EC-P-384", {std::string(kClientAuth)}}),
      AllOf(HasSubstr("id-ecPublicKey"), HasSubstr("secp384r1"), HasSubstr("Extension Request"),
            HasSubstr("X509v3 Extended Key Usage"), HasSubstr("ecdsa-with-SHA384")));
  EXPECT_THAT(shown({"RSA-3072", {}}),
              AllOf(HasSubstr("rsaEncryption"), HasSubstr("INTEGER           :0C00"),
                    HasSubstr("sha256WithRSAEncryption"), Not(HasSubstr("Extension"))));
  EXPECT_THAT(shown({"Ed25519", {}}), HasSubstr("ED25519"));
  EXPECT_THAT([&] { csr_attributes({"DSA-2048", {}}); }, ThrowsErrc(Errc::kUnsupported));
}

TEST_F(EstTest, AChallengePasswordIsSeen) {
  const EvpPkey key = ec_key();
  EXPECT_FALSE(has_challenge_password(build_csr({.subject = {.common_name = "a"}}, key.get())));
  write_file(folder_ / "config",
             std::string_view("[req]\nprompt=no\ndistinguished_name=d\nattributes=a\n[d]\nCN=a\n"
                              "[a]\nchallengePassword=secret1\n"));
  const std::string out = (folder_ / "csr").string();
  const CommandResult made = openssl("req -new -newkey rsa:2048 -nodes -keyout /dev/null -config " +
                                     (folder_ / "config").string() + " -outform DER -out " + out);
  ASSERT_EQ(made.status, 0) << made.output;
  EXPECT_TRUE(has_challenge_password(view(read_file(out))));
}

}  // namespace
}  // namespace poolkey::crypto
