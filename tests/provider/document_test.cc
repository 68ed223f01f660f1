// What programs sign with OpenSSL's own functions: certificates and CMS, in process.
#include "crypto/cms.h"
#include "crypto/csr.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

class DocumentTest : public testing::TestWithParam<const char*>, public BuiltinFixture {
 protected:
  DocumentTest() : made(make_key(GetParam(), "k")), key(load("k")) {}

  /// A self-signed certificate by the key in the token.
  crypto::X509Ptr certificate() const {
    crypto::X509Ptr out(X509_new_ex(builtin.context(), nullptr));
    X509_set_version(out.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 7);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                               view("test").data(), 4, -1, 0);
    X509_set_issuer_name(out.get(), X509_get_subject_name(out.get()));
    X509_gmtime_adj(X509_getm_notBefore(out.get()), -60);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), 3600);
    X509_set_pubkey(out.get(), key.get());
    EXPECT_GT(X509_sign(out.get(), key.get(), EVP_sha256()), 0) << crypto::drain_errors();
    return out;
  }

  crypto::PublicKey made;
  crypto::EvpPkey key;
};
INSTANTIATE_TEST_SUITE_P(All, DocumentTest, kAlgorithms, algorithm_name);

TEST_P(DocumentTest, ACertificateVerifiesAndMatchesTheKey) {
  const Bytes der = crypto::to_der<i2d_X509>(certificate().get());
  const auto read = crypto::from_der<crypto::X509Ptr, d2i_X509>(der);
  ASSERT_TRUE(read);
  EXPECT_EQ(X509_verify(read.get(), made.evp()), 1) << crypto::drain_errors();
  EXPECT_EQ(X509_check_private_key(read.get(), key.get()), 1) << crypto::drain_errors();
  EXPECT_EQ(crypto::PublicKey::from_evp(X509_get0_pubkey(read.get())), made);
}

// OpenSSL keeps in a certificate what it asked of the key's provider, and decoded certificates live
// as long as the process: one that held the provider would keep the module from its C_Finalize.
TEST_P(DocumentTest, SigningLeavesNothingThatHoldsTheProvider) {
  const crypto::Certificate signer =
      crypto::Certificate::from_der(crypto::to_der<i2d_X509>(certificate().get()));
  std::weak_ptr<hsm::Token> signing;
  {
    const auto own = soft.login();
    signing = own;
    const Builtin inner(own);
    const crypto::EvpPkey own_key = inner.load_private_key(uri("k"));
    (void)crypto::cms::Signer(signer, own_key.get(), {}, inner.context())
        .sign(view("content"), "2.25.1");
    (void)crypto::CsrSigner(own_key.get(), inner.context()).sign({}, crypto::SelfCheck::kAlways);
  }
  EXPECT_TRUE(signing.expired());
}

TEST_P(DocumentTest, CmsWithAndWithoutSignedAttributes) {
  const crypto::X509Ptr signer = certificate();
  for (const unsigned extra : {0U, static_cast<unsigned>(CMS_NOATTR)}) {
    const crypto::BioPtr content = crypto::memory_bio(view("content"));
    const crypto::CmsPtr cms(CMS_sign_ex(signer.get(), key.get(), nullptr, content.get(),
                                         CMS_BINARY | extra, builtin.context(), nullptr));
    ASSERT_TRUE(cms) << crypto::drain_errors();
    const Bytes der = crypto::to_der<i2d_CMS_ContentInfo>(cms.get());
    const auto read = crypto::from_der<crypto::CmsPtr, d2i_CMS_ContentInfo>(der);
    ASSERT_TRUE(read);
    const crypto::X509StorePtr none(X509_STORE_new());
    EXPECT_EQ(CMS_verify(read.get(), nullptr, none.get(), nullptr, nullptr,
                         CMS_NO_SIGNER_CERT_VERIFY | CMS_BINARY),
              1)
        << crypto::drain_errors();
  }
}

}  // namespace
}  // namespace poolkey::provider
