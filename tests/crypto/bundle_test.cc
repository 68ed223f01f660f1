#include "crypto/bundle.h"

#include "crypto/csr.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

/// A CA, a certificate under it, a CRL, and the files that openssl makes of them.
class BundleTest : public testing::Test {
 protected:
  BundleTest() {
    folder.file("leaf.pem", leaf.certificate.pem());
    folder.file("root.pem", root.certificate.pem());
    const BioPtr bio(BIO_new(BIO_s_mem()));
    i2d_PrivateKey_bio(bio.get(), root.key.get());
    folder.file("root.key", bio_bytes(bio.get()));
    folder.file("index.txt", std::string_view(""));
    run("ca -gencrl -keyfile " + at("root.key") + " -keyform DER -cert " + at("root.pem") +
        " -crldays 7 -md sha256 -config " +
        folder.file("ca.cnf", std::string_view("[ca]\ndefault_ca=c\n[c]\ndatabase=" +
                                               folder.path("index.txt") + "\n")) +
        " -out " + at("crl.pem"));
    run("crl -outform DER -in " + at("crl.pem") + " -out " + at("crl.der"));
    run("crl2pkcs7 -in " + at("crl.pem") + " -certfile " + at("leaf.pem") + " -certfile " +
        at("root.pem") + " -out " + at("all.p7b"));
    run("pkcs7 -outform DER -in " + at("all.p7b") + " -out " + at("all.p7b.der"));
  }

  std::string at(const std::string& name) const { return folder.path(name); }
  std::string text(const std::string& name) const { return read_file(at(name)); }
  void run(const std::string& arguments) const {
    const auto result = openssl(arguments);
    ASSERT_EQ(result.status, 0) << result.output;
  }
  Bytes crl() const { return to_bytes(text("crl.der")); }

  void expect_all(const std::string& file) const {
    const Bundle bundle = read_bundle(view(file));
    EXPECT_THAT(bundle.certificates, ElementsAre(leaf.certificate, root.certificate));
    EXPECT_THAT(bundle.crls, ElementsAre(crl()));
  }

  TemporaryFolder folder;
  Identity root = make_root("Contoso Root");
  Identity leaf = make_under(root, spec("sip.contoso.com"));
};

TEST_F(BundleTest, ReadsPemWithTextAroundItInItsOrder) {
  const std::string file = "Subject: CN=leaf\n" + text("leaf.pem") + "Subject: CN=root\n" +
                           text("root.pem") + text("crl.pem") + "The end.\n";
  expect_all(file);
  const Bundle reversed = read_bundle(view(text("root.pem") + text("leaf.pem")));
  EXPECT_THAT(reversed.certificates, ElementsAre(root.certificate, leaf.certificate));
}

TEST_F(BundleTest, ReadsWhatEditorsAndMailersMakeOfPem) {
  std::string windows = "\xef\xbb\xbf";
  for (const char c : text("leaf.pem") + text("root.pem") + text("crl.pem"))
    windows += c == '\n' ? std::string("\r\n") : std::string(1, c);
  expect_all(windows);
  std::string indented = "  ";
  for (const char c : text("leaf.pem") + text("root.pem") + text("crl.pem"))
    indented += c == '\n' ? std::string(" \n\t ") : std::string(1, c);
  expect_all(indented);
  expect_all("-----BEGIN CERTIFICATE-----\n" + base64(leaf.certificate.der()) +
             "\n-----END CERTIFICATE-----\n" + text("root.pem") + text("crl.pem"));
}

TEST_F(BundleTest, ReadsPkcs7InPemAndDerAndAsBase64WithoutArmour) {
  expect_all(text("all.p7b"));
  expect_all(text("all.p7b.der"));
  expect_all(base64(view(text("all.p7b.der"))));
  // What AD CS sends as "certnew.p7b?Enc=b64".
  expect_all("-----BEGIN CERTIFICATE-----\n" + base64(view(text("all.p7b.der"))) +
             "\n-----END CERTIFICATE-----\n");
}

TEST_F(BundleTest, ReadsPkcs7WithContentAndWithIndefiniteLengths) {
  run("cms -sign -binary -nodetach -stream -indef -outform DER -in " + at("ca.cnf") + " -signer " +
      at("root.pem") + " -inkey " + at("root.key") + " -keyform DER -certfile " + at("leaf.pem") +
      " -out " + at("signed.ber"));
  const std::string ber = text("signed.ber");
  ASSERT_EQ(ber[1], '\x80');
  for (const std::string& file : {ber, base64(view(ber))})
    EXPECT_THAT(read_bundle(view(file)).certificates,
                testing::UnorderedElementsAre(root.certificate, leaf.certificate));
}

TEST_F(BundleTest, ReadsOneCertificateOrOneCrlInDer) {
  const Bundle certificate = read_bundle(leaf.certificate.der());
  EXPECT_THAT(certificate.certificates, ElementsAre(leaf.certificate));
  EXPECT_THAT(certificate.crls, IsEmpty());
  EXPECT_THAT(read_bundle(crl()).crls, ElementsAre(crl()));
}

TEST_F(BundleTest, ReadsTheOtherLabelsOfOpenssl) {
  run("x509 -in " + at("leaf.pem") + " -trustout -setalias edge -addtrust serverAuth -out " +
      at("trusted.pem"));
  std::string old = text("root.pem");
  for (auto place = old.find("CERTIFICATE"); place != std::string::npos;
       place = old.find("CERTIFICATE", place + 16))
    old.replace(place, 0, "X509 ");
  expect_all(text("trusted.pem") + old + text("crl.pem"));
}

TEST_F(BundleTest, GivesEachThingOnce) {
  expect_all(text("leaf.pem") + text("all.p7b") + text("root.pem") + text("crl.pem"));
}

TEST_F(BundleTest, PassesOverWhatIsSentAlong) {
  const std::string request =
      csr_pem(build_csr({.subject = {.common_name = "a.b.c"}}, leaf.key.get()));
  expect_all(request + text("all.p7b") + root.certificate.public_key().pem());
  EXPECT_THAT([&] { read_bundle(view(request)); },
              ThrowsErrc(Errc::kCorrupt, "no certificate and no CRL, but a certificate request"));
}

TEST_F(BundleTest, NamesThePlaceOfWhatIsDamaged) {
  std::string damaged = text("leaf.pem");
  damaged[100] = '!';
  EXPECT_THAT([&] { read_bundle(view(text("root.pem") + damaged)); },
              ThrowsErrc(Errc::kCorrupt, "'CERTIFICATE' at line "));
  EXPECT_THAT([&] { read_bundle(view(text("root.pem") + "> " + text("leaf.pem"))); },
              ThrowsErrc(Errc::kCorrupt, "should be '-----BEGIN NAME-----'"));
  Bytes bytes = leaf.certificate.der();
  bytes.pop_back();
  EXPECT_THAT([&] { read_bundle(bytes); }, ThrowsErrc(Errc::kCorrupt, "damaged at octet 0"));
}

// Found by fuzzing: a thing is what it is, whatever stands around it says.
TEST_F(BundleTest, TellsACertificateAmongCrls) {
  Bytes p7b = to_bytes(text("all.p7b.der"));
  const Bytes first = leaf.certificate.der();
  const auto place = std::ranges::search(p7b, first).begin();
  ASSERT_EQ(*(place - 4), 0xa0);
  *(place - 4) = 0xa1;
  expect_all(to_text(p7b));
}

TEST_F(BundleTest, SurvivesHostileOctets) {
  survive_mutations(view(text("all.p7b.der")), [](const Bytes& bytes) { read_bundle(bytes); });
}

}  // namespace
}  // namespace poolkey::crypto
