#include "crypto/crl.h"

#include <openssl/pem.h>

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::Not;

const Time kNow = at("2026-11-23T08:00:00Z");

CrlSpec crl_spec() {
  CrlSpec out;
  out.number = 7;
  out.this_update = kNow;
  out.next_update = kNow + Days(7);
  out.revoked = {{"87654321", {at("2026-11-20T10:00:00Z"), RevocationReason::kKeyCompromise}},
                 {"0a", {at("2026-11-21T10:00:00Z"), RevocationReason::kUnspecified}},
                 {"7fffffffffffffffffffffffffffffffffffffff",
                  {at("2026-11-22T10:00:00Z"), RevocationReason::kCertificateHold}}};
  return out;
}

Crl make(const Identity& issuer, const CrlSpec& spec = crl_spec()) {
  return Crl::from_der(issue_crl(spec, issuer.certificate, issuer.key.get()));
}

/// A list as the openssl command makes it, with these lines in its [crl] section.
Crl made_by_openssl(const Identity& root, const std::string& extensions) {
  const TemporaryFolder folder;
  const BioPtr pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(pem.get(), root.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  folder.file("key.pem", to_text(bio_bytes(pem.get())));
  folder.file("root.pem", root.certificate.pem());
  folder.file("index", "R\t300101000000Z\t261101000000Z,superseded\t0B\tunknown\t/CN=x\n");
  folder.file("number", "1000\n");
  const std::string conf = folder.file(
      "conf", "[ca]\ndefault_ca=a\n[a]\ndatabase=" + folder.path("index") +
                  "\ncrlnumber=" + folder.path("number") +
                  "\ndefault_md=sha256\ncrl_extensions=crl\ndefault_crl_days=7\n[crl]\n" +
                  extensions);
  const auto made = openssl("ca -gencrl -config " + conf + " -keyfile " + folder.path("key.pem") +
                            " -cert " + folder.path("root.pem") + " -out " + folder.path("crl"));
  if (made.status != 0) throw std::runtime_error(made.output);
  return Crl::from_pem(read_file(folder.path("crl")));
}

TEST(CrlTest, SaysWhatItWasAskedToSay) {
  const Identity root = make_root("Contoso Root");
  const Crl crl = make(root);
  EXPECT_EQ(crl.issuer(), root.certificate.subject());
  EXPECT_EQ(crl.number(), "7");
  EXPECT_EQ(crl.this_update(), kNow);
  EXPECT_EQ(crl.next_update(), kNow + Days(7));
  EXPECT_EQ(crl.authority_key_id(), root.certificate.subject_key_id());
  EXPECT_EQ(crl.size(), 3U);
  for (const RevokedSerial& line : crl_spec().revoked)
    EXPECT_EQ(crl.find(line.serial), line.revocation) << line.serial;
  EXPECT_EQ(crl.find("87654322"), std::nullopt);
  EXPECT_EQ(crl.find(""), std::nullopt);
  EXPECT_EQ(Crl::from_pem(crl.pem()).der(), crl.der());
  EXPECT_NO_THROW(crl.verify(root.certificate));
}

TEST(CrlTest, FindsACertificateByItsSerial) {
  const Identity root = make_root("Contoso Root");
  const Identity leaf = make_under(root, spec("a.contoso.com"));
  CrlSpec what = crl_spec();
  what.revoked = {{leaf.certificate.serial(), {kNow, RevocationReason::kSuperseded}}};
  EXPECT_TRUE(make(root, what).find(leaf.certificate.serial()));
}

TEST(CrlTest, IsReadByTheOpensslCommand) {
  const Identity root = make_root("Contoso Root", ec_key("P-384"));
  const TemporaryFolder folder;
  const std::string crl = folder.file("a.crl", make(root).pem());
  const std::string ca = folder.file("root.pem", root.certificate.pem());
  const auto text = openssl("crl -noout -text -in " + crl);
  for (const char* part :
       {"Version 2", "ecdsa-with-SHA256", "X509v3 CRL Number: \n                7\n",
        "X509v3 Authority Key Identifier", "Serial Number: 87654321", "Key Compromise",
        "Certificate Hold", "Next Update: Nov 30 08:00:00 2026 GMT"})
    EXPECT_THAT(text.output, HasSubstr(part));
  EXPECT_THAT(text.output, Not(HasSubstr("Unspecified")));
  EXPECT_THAT(openssl("crl -noout -CAfile " + ca + " -in " + crl).output, HasSubstr("verify OK"));
}

TEST(CrlTest, MayBeEmpty) {
  const Identity root = make_root("Root", ed25519_key());
  CrlSpec what = crl_spec();
  what.revoked.clear();
  EXPECT_EQ(make(root, what).size(), 0U);
}

TEST(CrlTest, ReadsWhatTheOpensslCommandMakes) {
  const Identity root = make_root("Contoso Root");
  const Crl crl = made_by_openssl(root, "authorityKeyIdentifier=keyid\n");
  EXPECT_NO_THROW(crl.verify(root.certificate));
  EXPECT_EQ(crl.number(), "4096");
  EXPECT_EQ(crl.find("0b"),
            (Revocation{at("2026-11-01T00:00:00Z"), RevocationReason::kSuperseded}));
}

TEST(CrlTest, RefusesListsThatDoNotTellAll) {
  const Identity root = make_root("Contoso Root");
  EXPECT_NO_THROW(made_by_openssl(root,
                                  "issuingDistributionPoint=critical,@p\n[p]\n"
                                  "fullname=URI:http://a/b.crl\nonlyuser=TRUE\n"));
  for (const char* part : {"indirectCRL=TRUE", "onlyAA=TRUE", "onlysomereasons=keyCompromise"})
    EXPECT_THAT(
        [&] {
          made_by_openssl(root,
                          "issuingDistributionPoint=critical,@p\n[p]\n" + std::string(part) + "\n");
        },
        ThrowsErrc(Errc::kUnsupported, "only a part"))
        << part;
  EXPECT_THAT([&] { made_by_openssl(root, "2.5.29.27=critical,ASN1:INTEGER:1\n"); },
              ThrowsErrc(Errc::kUnsupported, "delta"));
  EXPECT_THAT([&] { made_by_openssl(root, "1.2.3.4=critical,ASN1:INTEGER:1\n"); },
              ThrowsErrc(Errc::kUnsupported, "1.2.3.4"));
}

TEST(CrlTest, IsOfOneIssuerOnly) {
  const Identity root = make_root("Contoso Root");
  const Crl crl = make(root);
  EXPECT_THAT([&] { crl.verify(make_root("Other Root").certificate); },
              ThrowsErrc(Errc::kCorrupt, "not of 'O=Contoso, CN=Other Root'"));
  EXPECT_THAT([&] { crl.verify(make_root("Contoso Root").certificate); },
              ThrowsErrc(Errc::kCorrupt, "another key"));
  Bytes forged = crl.der();
  forged[forged.size() - 10] ^= 1;
  EXPECT_THAT([&] { Crl::from_der(forged).verify(root.certificate); },
              ThrowsErrc(Errc::kCorrupt, "does not verify"));
  CertificateSpec no_lists = ca_spec("Contoso Root");
  no_lists.key_usage = {KeyUsage::kKeyCertSign};
  const Certificate other = Certificate::from_der(issue_self_signed(no_lists, root.key.get()));
  EXPECT_THAT([&] { crl.verify(other); }, ThrowsErrc(Errc::kCorrupt, "cRLSign"));
}

TEST(CrlTest, IsNotMadeWrongly) {
  const Identity root = make_root("Contoso Root");
  const auto refused = [&](auto change, const std::string& why) {
    CrlSpec what = crl_spec();
    change(what);
    EXPECT_THAT([&] { make(root, what); }, ThrowsErrc(Errc::kInvalidArgument, why));
  };
  refused([](auto& s) { s.number = -1; }, "negative");
  refused([](auto& s) { s.next_update = s.this_update; }, "not after");
  const Identity leaf = make_under(root, spec("a.contoso.com"));
  EXPECT_THAT([&] { make(leaf); }, ThrowsErrc(Errc::kInvalidArgument, "no CA"));
  EXPECT_THAT([&] { issue_crl(crl_spec(), root.certificate, leaf.key.get()); },
              ThrowsErrc(Errc::kInvalidArgument, "not the key"));
}

TEST(CrlTest, SurvivesHostileOctets) {
  const Identity root = make_root("Root");
  EXPECT_THAT([] { Crl::from_der({}); }, ThrowsErrc(Errc::kCorrupt, "not one X.509 CRL"));
  EXPECT_THAT([] { Crl::from_pem("x"); }, ThrowsErrc(Errc::kCorrupt, "BEGIN X509 CRL"));
  survive_mutations(make(root).der(), [&](const Bytes& bytes) {
    Crl::from_der(bytes).verify(root.certificate);
    ADD_FAILURE() << "a changed CRL still verifies";
  });
}

TEST(RevocationReasonTest, HasTheNamesOfRfc5280) {
  for (const long code : {0, 1, 2, 3, 4, 5, 6, 8, 9, 10}) {
    const auto reason = revocation_reason(code);
    ASSERT_TRUE(reason) << code;
    EXPECT_EQ(parse_revocation_reason(name(*reason)), *reason);
  }
  EXPECT_EQ(revocation_reason(7), std::nullopt);
  EXPECT_THAT([] { parse_revocation_reason("stolen"); },
              ThrowsErrc(Errc::kInvalidArgument, "keyCompromise, cACompromise"));
}

}  // namespace
}  // namespace poolkey::crypto
