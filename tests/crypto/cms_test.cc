#include "crypto/cms.h"

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::HasSubstr;

// 2.25.<the integer of a UUID>.n, as poolkey's own types are.
constexpr std::string_view kEnvelope = "2.25.305419896123456789012345678901234567890.1";
constexpr std::string_view kAttestation = "2.25.305419896123456789012345678901234567890.2";
constexpr std::string_view kSignsEnvelopes = "2.25.305419896123456789012345678901234567890.11";
const Bytes kContent = to_bytes("{\"pool\":\"edge\"}\n\r\n with\0 all octets");

struct Pki {
  Identity root = make_root("Root");
  Identity issuing = make_under(root, ca_spec("Documents CA"), rsa_key());
  Identity signer = make_under(issuing, signer_spec());
  std::vector<Certificate> chain{issuing.certificate};

  static CertificateSpec signer_spec() {
    CertificateSpec out = spec("Envelope signer");
    out.key_usage = {KeyUsage::kDigitalSignature};
    out.extended_key_usage = {std::string(kSignsEnvelopes)};
    return out;
  }
  Bytes signed_envelope() const {
    return cms::sign(kContent, kEnvelope, signer.certificate, signer.key.get(), chain);
  }
};

Bytes encode(CMS_ContentInfo* info) { return to_der<i2d_CMS_ContentInfo>(info); }
CmsPtr decode(const Bytes& der) { return from_der<CmsPtr, d2i_CMS_ContentInfo>(der); }

TEST(CmsTest, GivesBackContentAndSigner) {
  const Pki pki;
  const auto opened =
      cms::verify(pki.signed_envelope(), kEnvelope, pki.root.certificate, kSignsEnvelopes);
  EXPECT_EQ(opened.content, kContent);
  EXPECT_EQ(opened.signer, pki.signer.certificate);
}

TEST(CmsTest, WorksWithRsaEmptyContentAndARootThatSigns) {
  const Identity root = make_root("Root", rsa_key());
  const Bytes der = cms::sign({}, kEnvelope, root.certificate, root.key.get(), {});
  EXPECT_TRUE(cms::verify(der, kEnvelope, root.certificate, "").content.empty());
}

TEST(CmsTest, IsSignedByAKeyOfAnotherLibraryContext) {
  const std::unique_ptr<OSSL_LIB_CTX, Free<OSSL_LIB_CTX_free>> context(OSSL_LIB_CTX_new());
  const Identity root = make_root("Root");
  std::array keys{ec_key("P-256", context.get()), rsa_key(2048, 65537, "RSA", context.get())};
  for (EvpPkey& key : keys) {
    const Identity signer = make_under(root, Pki::signer_spec(), std::move(key));
    const Bytes der =
        cms::sign(kContent, kEnvelope, signer.certificate, signer.key.get(), {}, context.get());
    EXPECT_EQ(cms::verify(der, kEnvelope, root.certificate, kSignsEnvelopes).content, kContent);
  }
}

TEST(CmsTest, IsAcceptedByTheOpensslCommand) {
  const Pki pki;
  const TemporaryFolder folder;
  const std::string document = folder.file("a.cms", ByteView(pki.signed_envelope()));
  const std::string root = folder.file("root.pem", pki.root.certificate.pem());
  const auto verified = openssl("cms -verify -inform DER -binary -purpose any -no_check_time -in " +
                                document + " -CAfile " + root + " -out " + folder.path("content"));
  EXPECT_EQ(verified.status, 0) << verified.output;
  EXPECT_EQ(read_file(folder.path("content")), to_text(kContent));
  const auto printed = openssl("cms -cmsout -print -inform DER -in " + document);
  EXPECT_THAT(printed.output,
              HasSubstr("eContentType: undefined (" + std::string(kEnvelope) + ")"));
  EXPECT_THAT(printed.output, HasSubstr("sha256"));
}

TEST(CmsTest, LooksAtNoClock) {
  const Identity root = make_root("Root");
  CertificateSpec ended = Pki::signer_spec();
  ended.not_before = at("2001-01-01T00:00:00Z");
  ended.not_after = at("2001-01-02T00:00:00Z");
  const Identity signer = make_under(root, ended);
  const Bytes der = cms::sign(kContent, kEnvelope, signer.certificate, signer.key.get(), {});
  EXPECT_NO_THROW(cms::verify(der, kEnvelope, root.certificate, kSignsEnvelopes));
}

TEST(CmsTest, TellsTamperedContent) {
  const Pki pki;
  Bytes der = pki.signed_envelope();
  const auto found = std::search(der.begin(), der.end(), kContent.begin(), kContent.end());
  ASSERT_NE(found, der.end());
  *found ^= 1U;
  EXPECT_THAT([&] { cms::verify(der, kEnvelope, pki.root.certificate, kSignsEnvelopes); },
              ThrowsErrc(Errc::kCorrupt, "content was tampered with"));
  Bytes signature = pki.signed_envelope();
  signature.back() ^= 1U;
  EXPECT_THAT([&] { cms::verify(signature, kEnvelope, pki.root.certificate, kSignsEnvelopes); },
              ThrowsErrc(Errc::kCorrupt));
}

TEST(CmsTest, TellsAStrangersRoot) {
  const Pki pki;
  const Pki stranger;  // the same names, other keys
  EXPECT_THAT(
      [&] {
        cms::verify(stranger.signed_envelope(), kEnvelope, pki.root.certificate, kSignsEnvelopes);
      },
      ThrowsErrc(Errc::kCorrupt, "signed by a stranger"));
  // Carrying the right root along does not help.
  const Bytes smuggled =
      cms::sign(kContent, kEnvelope, stranger.signer.certificate, stranger.signer.key.get(),
                {stranger.issuing.certificate, stranger.root.certificate, pki.root.certificate});
  EXPECT_THAT([&] { cms::verify(smuggled, kEnvelope, pki.root.certificate, kSignsEnvelopes); },
              ThrowsErrc(Errc::kCorrupt, "signed by a stranger"));
}

TEST(CmsTest, TellsAWrongContentType) {
  const Pki pki;
  EXPECT_THAT(
      [&] {
        cms::verify(pki.signed_envelope(), kAttestation, pki.root.certificate, kSignsEnvelopes);
      },
      ThrowsErrc(Errc::kCorrupt, "content type is " + std::string(kEnvelope)));
}

TEST(CmsTest, TellsAContentTypeThatWasChangedAfterSigning) {
  const Pki pki;
  const CmsPtr info = decode(pki.signed_envelope());
  const Asn1ObjectPtr other(OBJ_txt2obj(std::string(kAttestation).c_str(), 1));
  ASSERT_EQ(CMS_set1_eContentType(info.get(), other.get()), 1);
  EXPECT_THAT(
      [&] { cms::verify(encode(info.get()), kAttestation, pki.root.certificate, kSignsEnvelopes); },
      ThrowsErrc(Errc::kCorrupt, "was not signed with it"));
}

TEST(CmsTest, TellsAWrongRole) {
  const Pki pki;
  CertificateSpec server = spec("sip.contoso.com");
  server.extended_key_usage = {std::string(kServerAuth)};
  const Identity other = make_under(pki.root, server);
  const Bytes der = cms::sign(kContent, kEnvelope, other.certificate, other.key.get(), {});
  EXPECT_THAT([&] { cms::verify(der, kEnvelope, pki.root.certificate, kSignsEnvelopes); },
              ThrowsErrc(Errc::kCorrupt, "may not sign such documents"));
  EXPECT_EQ(cms::verify(der, kEnvelope, pki.root.certificate, "").signer, other.certificate);
}

TEST(CmsTest, WantsExactlyOneSigner) {
  const Pki pki;
  const CmsPtr info = decode(pki.signed_envelope());
  const EvpPkey& key = pki.issuing.key;
  ASSERT_NE(CMS_add1_signer(info.get(), pki.issuing.certificate.x509(), key.get(), EVP_sha256(),
                            CMS_BINARY | CMS_NOCERTS | CMS_REUSE_DIGEST),
            nullptr);
  EXPECT_THAT(
      [&] { cms::verify(encode(info.get()), kEnvelope, pki.root.certificate, kSignsEnvelopes); },
      ThrowsErrc(Errc::kCorrupt, "2 signers"));
}

TEST(CmsTest, WantsSha2AndSignedAttributes) {
  const Pki pki;
  const auto make = [&](const EVP_MD* digest, unsigned flags) {
    const CmsPtr info(CMS_sign(nullptr, nullptr, nullptr, nullptr, CMS_PARTIAL | CMS_BINARY));
    const Asn1ObjectPtr type(OBJ_txt2obj(std::string(kEnvelope).c_str(), 1));
    CMS_set1_eContentType(info.get(), type.get());
    EXPECT_NE(CMS_add1_signer(info.get(), pki.signer.certificate.x509(), pki.signer.key.get(),
                              digest, CMS_BINARY | flags),
              nullptr);
    EXPECT_EQ(CMS_add1_cert(info.get(), pki.issuing.certificate.x509()), 1);
    EXPECT_EQ(CMS_final(info.get(), memory_bio(kContent).get(), nullptr, CMS_BINARY), 1);
    return encode(info.get());
  };
  const Bytes sha1 = make(EVP_sha1(), 0);
  EXPECT_THAT([&] { cms::verify(sha1, kEnvelope, pki.root.certificate, ""); },
              ThrowsErrc(Errc::kCorrupt, "sha1"));
  const Bytes bare = make(EVP_sha256(), CMS_NOATTR);
  EXPECT_THAT([&] { cms::verify(bare, kEnvelope, pki.root.certificate, ""); },
              ThrowsErrc(Errc::kCorrupt, "not signed with it"));
  const Bytes good = make(EVP_sha384(), 0);
  EXPECT_NO_THROW(cms::verify(good, kEnvelope, pki.root.certificate, ""));
}

TEST(CmsTest, RefusesBadArgumentsAndOtherOctets) {
  const Pki pki;
  EXPECT_THAT(
      [&] { cms::sign(kContent, "envelope", pki.signer.certificate, pki.signer.key.get(), {}); },
      ThrowsErrc(Errc::kInvalidArgument, "OID"));
  EXPECT_THAT(
      [&] { cms::sign(kContent, kEnvelope, pki.signer.certificate, pki.root.key.get(), {}); },
      ThrowsErrc(Errc::kInvalidArgument, "not the key"));
  for (const Bytes& junk : {Bytes{}, to_bytes("hello"), pki.root.certificate.der()})
    EXPECT_THAT([&] { cms::verify(junk, kEnvelope, pki.root.certificate, ""); },
                ThrowsErrc(Errc::kCorrupt, "no CMS SignedData"));
}

TEST(CmsTest, SurvivesHostileOctets) {
  const Pki pki;
  survive_mutations(pki.signed_envelope(), [&](const Bytes& bytes) {
    const auto opened = cms::verify(bytes, kEnvelope, pki.root.certificate, kSignsEnvelopes);
    // Parts that carry no meaning (version numbers) may change; what is vouched for may not.
    EXPECT_EQ(opened.content, kContent);
    EXPECT_EQ(opened.signer, pki.signer.certificate);
  });
}

}  // namespace
}  // namespace poolkey::crypto
