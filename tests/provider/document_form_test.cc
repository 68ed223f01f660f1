// What OpenSSL signs with a key in a token has the same form as with a key in software: every
// algorithm identifier with its parameters, in every kind of document.
#include <map>

#include "base/file.h"
#include "crypto/key_reference.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

struct Signer {
  const char* name;
  const char* algorithm;
  const char* options;  ///< of the signature, as -sigopt has them; with spaces between
};
void PrintTo(const Signer& one, std::ostream* out) { *out << one.name; }

class DocumentFormTest : public testing::TestWithParam<Signer>, public CommandFixture {};
INSTANTIATE_TEST_SUITE_P(
    All, DocumentFormTest,
    testing::Values(Signer{"Rsa", "RSA-2048", ""},
                    Signer{"Pss", "RSA-2048", "rsa_padding_mode:pss"},
                    Signer{"PssSalt20", "RSA-2048", "rsa_padding_mode:pss rsa_pss_saltlen:20"},
                    Signer{"PssMgf1", "RSA-2048",
                           "rsa_padding_mode:pss rsa_pss_saltlen:digest rsa_mgf1_md:sha512"},
                    Signer{"P256", "EC-P-256", ""}, Signer{"P384", "EC-P-384", ""},
                    Signer{"P521", "EC-P-521", ""}, Signer{"Ed25519", "Ed25519", ""}),
    [](const auto& one) { return std::string(one.param.name); });

/// $KEY and $OPTIONS sign one of each; Ed25519 has no CMS, TS or CMP in OpenSSL 3.0, and the last
/// two take no options.
constexpr const char* kSignAll = R"sh(
with() { for option in $OPTIONS; do printf '%s %s ' $1 $option; done; }
openssl req -new -key "$KEY" -subj /CN=x $(with -sigopt) -outform DER -out req.der
openssl req -x509 -new -key "$KEY" -subj /CN=ca -days 3 -set_serial 1 $(with -sigopt) \
  -addext extendedKeyUsage=critical,timeStamping -out ca.pem
openssl x509 -in ca.pem -outform DER -out x509.der
printf '%s\n' '[ca]' default_ca=c '[c]' database=index crlnumber=number default_md=default \
  default_crl_days=1 '[tsa]' serial=number signer_cert=ca.pem signer_digest=sha256 \
  default_policy=1.2.3 digests=sha256 >c.cnf
: >index; echo 01 >number
openssl ca -config c.cnf -gencrl -cert ca.pem -keyfile "$KEY" $(with -sigopt) -out crl.pem
openssl crl -in crl.pem -outform DER -out crl.der
openssl ocsp -index index -rsigner ca.pem -rkey "$KEY" $(with -rsigopt) -CA ca.pem \
  -issuer ca.pem -serial 7 -respout ocsp.der -noverify -no_nonce
if [ $NAME != Ed25519 ]; then
  openssl cms -sign -binary -nodetach -md sha256 -in index -signer ca.pem -inkey "$KEY" \
    $(with -keyopt) -outform DER -out cms.der
fi
if [ $NAME != Ed25519 ] && [ -z "$OPTIONS" ]; then
  openssl ts -query -data index -sha256 -no_nonce -out query
  openssl ts -reply -config c.cnf -section tsa -inkey "$KEY" -queryfile query -out ts.der
  openssl cmp -config '' -cmd genm -use_mock_srv -srv_cert ca.pem -srv_key "$KEY" -cert ca.pem \
    -key "$KEY" -srvcert ca.pem -srv_trusted ca.pem -reqout cmp.der
fi
)sh";

/// Types, object identifiers and short numbers of what was signed, in their order.
constexpr const char* kPrintAll = R"sh(
for document in signed/*.der; do
  echo $document
  openssl asn1parse -inform DER -in $document | sed -E 's/^.*(prim|cons): *//
    s/^((OCTET|BIT) STRING|UTCTIME|GENERALIZEDTIME).*/\1/; s/^(INTEGER +):[0-9A-F]{5,}$/\1/'
done
)sh";

TEST_P(DocumentFormTest, IsThatOfASoftwareKey) {
  const crypto::PublicKey made = make_free_key(GetParam().algorithm, "k");
  write_file(soft.folder() / "ours.key", crypto::reference_pem({uri("k"), made.spki_sha256()}));
  const std::map<std::string, std::string> makers{
      {"RSA-2048", "-algorithm RSA -quiet"},
      {"Ed25519", "-algorithm ED25519"},
      {"EC-P-256", "-algorithm EC -pkeyopt group:P-256"},
      {"EC-P-384", "-algorithm EC -pkeyopt group:P-384"},
      {"EC-P-521", "-algorithm EC -pkeyopt group:P-521"}};
  must("openssl genpkey " + makers.at(GetParam().algorithm) + " -out soft.key");
  const auto signed_with = [&](const std::string& key) {
    must("set -e; rm -rf signed; mkdir signed; cd signed; KEY=" + key + " NAME=" + GetParam().name +
         " OPTIONS='" + GetParam().options + "'" + kSignAll);
    return must(kPrintAll);
  };
  const std::string expected = signed_with("../soft.key");
  EXPECT_THAT(expected, testing::HasSubstr("signed/x509.der\nSEQUENCE"));
  EXPECT_EQ(signed_with("../ours.key"), expected);
}

}  // namespace
}  // namespace poolkey::provider
