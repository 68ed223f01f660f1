// A certificate authority run by `openssl`: certificate, revocation list and OCSP, each read by one
// that does not load poolkey.so.
#include "fixture.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

struct Authority {
  const char* algorithm;
  const char* options;  ///< of `req` and `ca`
  const char* identifier;
};

class AuthorityTest : public testing::TestWithParam<Authority>, public CommandFixture {};

const char* const kPss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest";
INSTANTIATE_TEST_SUITE_P(All, AuthorityTest,
                         testing::Values(Authority{"RSA-2048", "", "sha256WithRSAEncryption"},
                                         Authority{"RSA-2048", kPss, "rsassaPss"},
                                         Authority{"EC-P-256", "", "ecdsa-with-SHA256"},
                                         Authority{"EC-P-521", "", "ecdsa-with-SHA256"},
                                         Authority{"Ed25519", "", "ED25519"}));

TEST_P(AuthorityTest, SignsEverythingThatOneSigns) {
  make_free_key(GetParam().algorithm, "k");
  const std::string key = "'" + uri("k") + "' ", options = GetParam().options;
  must("openssl req -x509 -new -key " + key + options +
       " -subj /CN=ca -days 3 -addext keyUsage=keyCertSign,cRLSign,digitalSignature -out ca.pem\n"
       "mkdir db; touch db/index; echo 01 > db/serial; echo 01 > db/number\n"
       "cat > ca.cnf <<END\n[ca]\ndefault_ca=c\n[c]\ndatabase=db/index\nserial=db/serial\n"
       "new_certs_dir=db\ncrlnumber=db/number\ndefault_md=default\ndefault_days=1\n"
       "default_crl_days=1\npolicy=p\n[p]\ncommonName=supplied\nEND\n"
       "openssl genpkey -algorithm ED25519 -out leaf.key\n"
       "openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr");
  const std::string ca = "openssl ca -config ca.cnf -batch -notext -cert ca.pem -keyfile " + key;
  const auto is_named = HasSubstr(std::string("Signature Algorithm: ") + GetParam().identifier);
  must(ca + options + " -in leaf.csr -out leaf.pem");
  must("OPENSSL_CONF=$PLAIN openssl verify -CAfile ca.pem leaf.pem");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl x509 -in leaf.pem -noout -text"), is_named);
  must(ca + options + " -gencrl -out crl.pem");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl crl -in crl.pem -CAfile ca.pem -noout -text"),
              testing::AllOf(HasSubstr("verify OK"), is_named));
  must("openssl ocsp -index db/index -rsigner ca.pem -rkey " + key +
       (*GetParam().options ? "-rsigopt rsa_padding_mode:pss" : "") +
       " -CA ca.pem -issuer ca.pem -cert leaf.pem -respout o.der -noverify -no_nonce");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl ocsp -respin o.der -no_nonce -issuer ca.pem "
                   "-cert leaf.pem -CAfile ca.pem -resp_text"),
              testing::AllOf(HasSubstr("Response verify OK"), is_named));
}

}  // namespace
}  // namespace poolkey::provider
