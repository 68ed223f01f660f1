#include "crypto/certificate.h"

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

CertificateSpec leaf_spec() {
  CertificateSpec out = spec("sip.contoso.com");
  out.dns_sans = {"sip.contoso.com", "webcon.contoso.com"};
  out.key_usage = {KeyUsage::kDigitalSignature, KeyUsage::kKeyEncipherment};
  out.extended_key_usage = {std::string(kServerAuth)};
  out.crl_distribution_points = {"http://pki.contoso.com/issuing.crl"};
  out.ca_issuers = {"http://pki.contoso.com/issuing.crt"};
  out.ocsp = {"http://ocsp.contoso.com"};
  return out;
}

/// root -> issuing CA -> leaf
struct Chain {
  Identity root = make_root("Contoso Root");
  Identity issuing = make_under(root, issuing_spec());
  Identity leaf = make_under(issuing, leaf_spec(), rsa_key());

  static CertificateSpec issuing_spec() {
    CertificateSpec out = ca_spec("Contoso Issuing CA");
    out.path_length = 0;
    return out;
  }
};

TEST(CertificateTest, SaysWhatItWasAskedToSay) {
  const Chain chain;
  const Certificate& leaf = chain.leaf.certificate;
  EXPECT_EQ(leaf.subject(), "O=Contoso, CN=sip.contoso.com");
  EXPECT_EQ(leaf.common_name(), "sip.contoso.com");
  EXPECT_EQ(leaf.issuer(), "O=Contoso, CN=Contoso Issuing CA");
  EXPECT_EQ(rfc3339(leaf.not_before()), "2026-11-22T00:00:00Z");
  EXPECT_EQ(rfc3339(leaf.not_after()), "2027-05-21T23:59:59Z");
  EXPECT_EQ(leaf.dns_sans(), leaf_spec().dns_sans);
  EXPECT_EQ(leaf.key_usage(), leaf_spec().key_usage);
  EXPECT_TRUE(leaf.has_extended_key_usage(kServerAuth));
  EXPECT_FALSE(leaf.has_extended_key_usage(kClientAuth));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_TRUE(chain.issuing.certificate.is_ca());
  EXPECT_EQ(leaf.public_key(), PublicKey::from_evp(chain.leaf.key.get()));
  EXPECT_EQ(leaf.subject_key_id().size(), 20U);
  EXPECT_EQ(leaf.issuer_der(), chain.issuing.certificate.subject_der());
  EXPECT_EQ(leaf.serial().size(), 32U);
  EXPECT_EQ(hex(leaf.serial_der()), "0210" + leaf.serial());
  EXPECT_EQ(Certificate::from_pem(leaf.pem()), leaf);
  EXPECT_EQ(leaf.sha256().size(), 32U);
}

TEST(CertificateTest, IsAcceptedByTheOpensslCommandStrictly) {
  const Chain chain;
  const TemporaryFolder folder;
  const std::string root = folder.file("root.pem", chain.root.certificate.pem());
  const std::string issuing = folder.file("issuing.pem", chain.issuing.certificate.pem());
  const std::string leaf = folder.file("leaf.pem", chain.leaf.certificate.pem());
  const auto verified =
      openssl("verify -x509_strict -purpose sslserver -attime 1800000000 -CAfile " + root +
              " -untrusted " + issuing + " " + leaf);
  EXPECT_EQ(verified.status, 0) << verified.output;
  const auto text = openssl("x509 -noout -text -in " + leaf);
  EXPECT_THAT(text.output, HasSubstr("Version: 3"));
  EXPECT_THAT(text.output, HasSubstr("X509v3 Basic Constraints: critical"));
  EXPECT_THAT(text.output, HasSubstr("X509v3 Key Usage: critical"));
  EXPECT_THAT(text.output, HasSubstr("X509v3 Extended Key Usage: \n"));
  EXPECT_THAT(text.output, HasSubstr("X509v3 Subject Alternative Name: \n"));
  EXPECT_THAT(text.output, HasSubstr("URI:http://pki.contoso.com/issuing.crl"));
  EXPECT_THAT(text.output, HasSubstr("CA Issuers - URI:http://pki.contoso.com/issuing.crt"));
  EXPECT_THAT(text.output, HasSubstr("OCSP - URI:http://ocsp.contoso.com"));
  EXPECT_THAT(text.output, HasSubstr("X509v3 Authority Key Identifier"));
  EXPECT_THAT(openssl("x509 -noout -text -in " + issuing).output, HasSubstr("CA:TRUE, pathlen:0"));
}

TEST(CertificateTest, WritesYearsFrom2050AsGeneralizedTime) {
  CertificateSpec long_lived = ca_spec("Root");
  long_lived.not_after = at("2050-01-01T00:00:00Z");
  const Certificate root = Certificate::from_der(issue_self_signed(long_lived, ec_key().get()));
  EXPECT_EQ(rfc3339(root.not_after()), "2050-01-01T00:00:00Z");
  EXPECT_THAT(to_text(root.der()), HasSubstr("\x18\x0f"
                                             "20500101000000Z"));
  EXPECT_THAT(to_text(root.der()), HasSubstr("\x17\x0d"
                                             "261122000000Z"));
}

TEST(CertificateTest, TakesAGivenSerial) {
  const Identity root = make_root("Root");
  CertificateSpec what = spec("a.contoso.com");
  what.serial = {0x00, 0x87, 0x65, 0x43, 0x21};
  const Identity leaf = make_under(root, what);
  EXPECT_EQ(leaf.certificate.serial(), "87654321");
  EXPECT_EQ(hex(leaf.certificate.serial_der()), "02050087654321");
}

TEST(CertificateTest, WorksWithEveryKindOfIssuerKey) {
  std::array keys{rsa_key(), ec_key("P-521"), ed25519_key()};
  for (EvpPkey& key : keys) {
    const Identity root = make_root("Root", std::move(key));
    const Identity leaf = make_under(root, spec("a.contoso.com"));
    EXPECT_NO_THROW(
        verify_chain(leaf.certificate, {}, root.certificate, at("2026-12-01T00:00:00Z")));
  }
}

TEST(CertificateTest, RefusesToIssueWhatCannotBe) {
  const Identity root = make_root("Root");
  const EvpPkey key = ec_key();
  const auto refused = [&](auto change, const std::string& why) {
    CertificateSpec what = spec("a.contoso.com");
    change(what);
    EXPECT_THAT(
        [&] { issue(what, PublicKey::from_evp(key.get()), root.certificate, root.key.get()); },
        ThrowsErrc(Errc::kInvalidArgument, why));
  };
  refused([](auto& s) { s.not_after = s.not_before - Duration(1); }, "before it begins");
  refused([](auto& s) { s.subject = {}; }, "no subject");
  refused([](auto& s) { s.key_usage = {KeyUsage::kKeyCertSign}; }, "keyCertSign");
  refused([](auto& s) { s.path_length = 0; }, "path length");
  refused([](auto& s) { s.is_ca = true; }, "keyCertSign");
  refused([](auto& s) { s.serial = Bytes(21, 1); }, "serial");
  refused([](auto& s) { s.serial = Bytes(3); }, "serial");
  refused([](auto& s) { s.serial = Bytes{0x80}; }, "serial");
  refused([](auto& s) { s.crl_distribution_points = {"http://a b"}; }, "blanks");
  const Identity leaf = make_under(root, spec("a.contoso.com"));
  const PublicKey subject = PublicKey::from_evp(key.get());
  EXPECT_THAT([&] { issue(spec("b"), subject, leaf.certificate, leaf.key.get()); },
              ThrowsErrc(Errc::kInvalidArgument, "no CA"));
  EXPECT_THAT([&] { issue(spec("b"), subject, root.certificate, key.get()); },
              ThrowsErrc(Errc::kInvalidArgument, "not the key"));
}

TEST(CertificateTest, ReadsBundles) {
  const Chain chain;
  const std::string bundle =
      "# a comment\n" + chain.leaf.certificate.pem() + chain.issuing.certificate.pem();
  EXPECT_THAT(Certificate::list_from_pem(bundle),
              ElementsAre(chain.leaf.certificate, chain.issuing.certificate));
  EXPECT_THAT([] { Certificate::list_from_pem(""); }, ThrowsErrc(Errc::kCorrupt));
  const std::string cut = bundle.substr(0, bundle.size() - 40);
  EXPECT_THAT([&] { Certificate::list_from_pem(cut); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(CertificateTest, SurvivesHostileOctets) {
  const Chain chain;
  survive_mutations(chain.leaf.certificate.der(), [&](const Bytes& bytes) {
    const Certificate bad = Certificate::from_der(bytes);
    bad.subject();
    bad.serial();
    bad.subject_key_id();
    verify_chain(bad, {chain.issuing.certificate}, chain.root.certificate, std::nullopt);
    ADD_FAILURE() << "a changed certificate still verifies";
  });
}

TEST(VerifyChainTest, GoesThroughIntermediatesToTheRoot) {
  const Chain chain;
  const std::vector intermediates{chain.issuing.certificate};
  EXPECT_NO_THROW(
      verify_chain(chain.leaf.certificate, intermediates, chain.root.certificate, std::nullopt));
  EXPECT_NO_THROW(verify_chain(chain.leaf.certificate, intermediates, chain.root.certificate,
                               at("2026-12-01T00:00:00Z")));
  EXPECT_NO_THROW(verify_chain(chain.root.certificate, {}, chain.root.certificate, std::nullopt));
}

TEST(VerifyChainTest, SaysWhyNot) {
  const Chain chain;
  const Identity stranger = make_root("Contoso Root");
  const std::vector intermediates{chain.issuing.certificate};
  const Certificate& leaf = chain.leaf.certificate;
  const Certificate& root = chain.root.certificate;
  EXPECT_THAT([&] { verify_chain(leaf, {}, root, std::nullopt); },
              ThrowsErrc(Errc::kCorrupt, "unable to get"));
  EXPECT_THAT([&] { verify_chain(leaf, intermediates, stranger.certificate, std::nullopt); },
              ThrowsErrc(Errc::kCorrupt, "pinned root"));
  EXPECT_THAT([&] { verify_chain(leaf, intermediates, root, at("2027-05-22T00:00:00Z")); },
              ThrowsErrc(Errc::kInvalidArgument, "expired at 2027-05-22T00:00:00Z"));
  EXPECT_THAT([&] { verify_chain(leaf, intermediates, root, at("2026-11-21T23:59:59Z")); },
              ThrowsErrc(Errc::kInvalidArgument, "not yet valid"));
}

TEST(VerifyChainTest, LetsNoLeafIssueAndNoPathGrow) {
  const Chain chain;
  // A leaf's key signs a certificate by hand, as issue() would refuse to.
  const EvpPkey key = ec_key();
  const X509Ptr forged(X509_dup(chain.leaf.certificate.x509()));
  X509_set_issuer_name(forged.get(), X509_get_subject_name(chain.leaf.certificate.x509()));
  X509_set_pubkey(forged.get(), key.get());
  ASSERT_GT(X509_sign(forged.get(), chain.leaf.key.get(), EVP_sha256()), 0);
  const Certificate grandchild = Certificate::from_der(to_der<i2d_X509>(forged.get()));
  EXPECT_THAT(
      [&] {
        verify_chain(grandchild, {chain.leaf.certificate, chain.issuing.certificate},
                     chain.root.certificate, std::nullopt);
      },
      ThrowsErrc(Errc::kCorrupt));
  const Identity deeper = make_under(chain.issuing, ca_spec("Too deep"));
  const Identity leaf = make_under(deeper, spec("a.contoso.com"));
  EXPECT_THAT(
      [&] {
        verify_chain(leaf.certificate, {deeper.certificate, chain.issuing.certificate},
                     chain.root.certificate, std::nullopt);
      },
      ThrowsErrc(Errc::kCorrupt, "path length"));
}

}  // namespace
}  // namespace poolkey::crypto
