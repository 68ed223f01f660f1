// Certificates, their chain, and searches, by `openssl storeutl`.
#include "fixture.h"
#include "hsm/object.h"
#include "tests/crypto/software.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

class StoreTest : public testing::Test, public CommandFixture {
 protected:
  StoreTest() {
    make_key("EC-P-256", "k");
    leaf_spec.serial = {0x12, 0x34};
    put(root.certificate, "root");
    put(other.certificate, "other");
    put(leaf(leaf_spec), "k");
    put(issuing.certificate, "issuing");
    configure("", "");  // certificates need no PIN
  }
  crypto::Certificate leaf(const crypto::CertificateSpec& what) const {
    return test::make_under(issuing, what).certificate;
  }
  void put(const crypto::Certificate& certificate, const std::string& label) const {
    hsm::Template object;
    object.set(CKA_CLASS, CK_ULONG{CKO_CERTIFICATE})
        .set(CKA_CERTIFICATE_TYPE, CK_ULONG{CKC_X_509})
        .set(CKA_TOKEN, true)
        .set(CKA_PRIVATE, false)
        .set(CKA_LABEL, label)
        .set(CKA_ID, label)
        .set(CKA_SUBJECT, ByteView(certificate.subject_der()))
        .set(CKA_VALUE, ByteView(certificate.der()));
    hsm::create_object(*token->lease(), std::move(object));
  }
  /// The common names that are listed, in their order.
  std::string listed(const std::string& arguments) const {
    return must("openssl storeutl " + arguments +
                " > out; OPENSSL_CONF=$PLAIN openssl crl2pkcs7 -nocrl -certfile out |"
                " OPENSSL_CONF=$PLAIN openssl pkcs7 -print_certs -noout |"
                " sed -n 's/^subject.*CN = //p' | paste -sd' '");
  }

  test::Identity root = test::make_root("Root");
  test::Identity issuing = test::make_under(root, test::ca_spec("Issuing"));
  test::Identity other = test::make_root("Other");
  crypto::CertificateSpec leaf_spec = test::spec("leaf");
};

TEST_F(StoreTest, ACertificateComesWithItsChainAfterIt) {
  const std::string chain = "leaf Issuing Root\n";
  EXPECT_EQ(listed("-certs 'pkcs11:token=test;object=k'"), chain);
  EXPECT_EQ(listed("'pkcs11:token=test;id=k;type=cert'"), chain);
  EXPECT_EQ(listed("-certs 'pkcs11:object=issuing'"), "Issuing Root\n");
  EXPECT_EQ(listed("-certs 'pkcs11:object=other'"), "Other\n");
  EXPECT_THAT(must("openssl storeutl -noout -certs pkcs11:token=test"),
              HasSubstr("Total found: 4"));
}

TEST_F(StoreTest, OfSeveralCertificatesForAKeyTheNewestIsFirst) {
  crypto::CertificateSpec renewed = leaf_spec;
  renewed.subject.common_name = "renewed";
  renewed.not_before = leaf_spec.not_before + std::chrono::hours(24);
  put(leaf(renewed), "k");
  EXPECT_EQ(listed("-certs 'pkcs11:object=k'"), "renewed Issuing Root leaf\n");
  EXPECT_THAT(must("openssl x509 -in 'pkcs11:object=k;type=cert' -noout -subject"),
              HasSubstr("CN = renewed"));
}

TEST_F(StoreTest, CertificatesAreSearchedFor) {
  const auto found = [&](const std::string& search) {
    return listed(search + " -certs pkcs11:token=test");
  };
  EXPECT_EQ(found("-subject /O=Contoso/CN=Other"), "Other\n");
  EXPECT_EQ(found("-issuer /O=Contoso/CN=Issuing -serial 0x1234"), "leaf\n");
  EXPECT_EQ(found("-alias issuing"), "Issuing Root\n");
  EXPECT_EQ(found("-sha256 -fingerprint " + hex(other.certificate.sha256())), "Other\n");
  EXPECT_THAT(must("openssl storeutl -noout -subject /CN=nobody pkcs11:token=test || true"),
              HasSubstr("Total found: 0"));
}

TEST_F(StoreTest, OnlyWhatIsExpectedComes) {
  configure("");
  const std::string named = "'pkcs11:token=test;object=k'";
  EXPECT_THAT(must("openssl storeutl -noout -keys " + named), HasSubstr("0: Pkey\nTotal found: 1"));
  EXPECT_THAT(must("openssl storeutl -noout -crls " + named), HasSubstr("Total found: 0"));
  EXPECT_THAT(must("openssl storeutl -noout 'pkcs11:object=k;type=public'"),
              HasSubstr("0: Public key\nTotal found: 1"));
}

}  // namespace
}  // namespace poolkey::provider
