// Ed25519, which differs: no digest, no stream, and many spellings of curve and point.
#include "crypto/signature.h"
#include "fixture.h"
#include "hsm/object.h"
#include "provider/lookup.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

class Ed25519Test : public testing::Test, public BuiltinFixture {
 protected:
  crypto::EvpMdCtx begin(const char* digest, int expected) const {
    crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EXPECT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, builtin.context(), nullptr,
                                    key.get(), nullptr),
              expected)
        << crypto::drain_errors();
    ERR_clear_error();
    return ctx;
  }

  crypto::PublicKey made = make_key("Ed25519", "k");
  crypto::EvpPkey key = load("k");
};

TEST_F(Ed25519Test, SignsMessagesOfAnySize) {
  for (const std::size_t size : {0UL, 1UL, 64UL, 100'000UL}) {
    const std::string message(size, 'm');
    const Bytes signature = crypto::sign(key.get(), "", view(message), builtin.context());
    EXPECT_EQ(signature.size(), 64U);
    EXPECT_TRUE(made.verify("", view(message), signature)) << size;
  }
}

TEST_F(Ed25519Test, SignsNoMessageAtAll) {
  const auto ctx = begin(nullptr, 1);
  Bytes signature(64);
  std::size_t size = signature.size();
  EXPECT_EQ(EVP_DigestSign(ctx.get(), signature.data(), &size, nullptr, 0), 1)
      << crypto::drain_errors();
  EXPECT_TRUE(made.verify("", {}, signature));
}

TEST_F(Ed25519Test, ADigestIsRefused) {
  begin("SHA256", 0);
  begin("SHA512", 0);
}

TEST_F(Ed25519Test, AnotherVariantOfEdDsaIsRefused) {
  for (const std::string variant : {"Ed25519", "Ed25519ph", "Ed25519ctx"}) {
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string("instance", const_cast<char*>(variant.c_str()), 0),
        OSSL_PARAM_construct_end()};
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EXPECT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, nullptr, builtin.context(), nullptr,
                                    key.get(), params) == 1,
              variant == "Ed25519");
  }
  ERR_clear_error();
}

TEST_F(Ed25519Test, ASmallBufferGetsNothingAndACopyOfTheContextSigns) {
  const auto ctx = begin(nullptr, 1);
  Bytes out(64, 0xaa);
  std::size_t size = 63;
  EXPECT_NE(EVP_DigestSign(ctx.get(), out.data(), &size, view("m").data(), 1), 1);
  EXPECT_EQ(out, Bytes(64, 0xaa));
  ERR_clear_error();
  const crypto::EvpMdCtx copy(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_MD_CTX_copy_ex(copy.get(), ctx.get()), 1);
  for (EVP_MD_CTX* each : {ctx.get(), copy.get()}) {
    size = out.size();
    ASSERT_EQ(EVP_DigestSign(each, out.data(), &size, view("m").data(), 1), 1)
        << crypto::drain_errors();
    EXPECT_TRUE(made.verify("", view("m"), out));
  }
}

TEST_F(Ed25519Test, ThePrivateKeyVerifiesBySoftware) {
  Bytes signature = crypto::sign(key.get(), "", view("m"), builtin.context());
  for (const int good : {1, 0}) {
    const crypto::ErrorMark mark;
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestVerifyInit_ex(ctx.get(), nullptr, nullptr, builtin.context(), nullptr,
                                      key.get(), nullptr),
              1);
    EXPECT_EQ(EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), view("m").data(), 1),
              good);
    signature[5] ^= 1;
  }
}

TEST_F(Ed25519Test, MandatoryDigestIsTheEmptyString) {
  char name[80] = "x";
  EXPECT_EQ(EVP_PKEY_get_default_digest_name(key.get(), name, sizeof name), 2);
  // OpenSSL's word for the empty string, also of its own keys.
  EXPECT_STREQ(name, "UNDEF");
}

TEST_F(Ed25519Test, CurveAndPointInEverySpelling) {
  Bytes bare(32);
  std::size_t size = bare.size();
  ASSERT_EQ(EVP_PKEY_get_raw_public_key(made.evp(), bare.data(), &size), 1);
  const hsm::Lease lease = token->lease();
  int n = 0;
  for (const std::string params :
       {"130c656477617264733235353139", "06032b6570", "06092b06010401da470f01"})
    for (const std::string header : {"", "0420", "032100"})
      for (const CK_KEY_TYPE type : {CKK_EC_EDWARDS, CKK_EC}) {
        Bytes point = from_hex(header);
        point.insert(point.end(), bare.begin(), bare.end());
        hsm::Template object;
        object.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
            .set(CKA_KEY_TYPE, CK_ULONG{type})
            .set(CKA_TOKEN, false)
            .set(CKA_LABEL, "spelling " + std::to_string(n++))
            .set(CKA_EC_PARAMS, ByteView(from_hex(params)))
            .set(CKA_EC_POINT, ByteView(point));
        const auto part = read_public_part(*lease, hsm::create_object(*lease, std::move(object)));
        ASSERT_TRUE(part) << params << " " << header;
        EXPECT_EQ(part->kind, KeyKind::kEd25519);
        EXPECT_EQ(part->point, bare) << params << " " << header;
      }
}

class Ed25519CommandTest : public testing::Test, public CommandFixture {
 protected:
  Ed25519CommandTest() {
    make_key("Ed25519", "k");
    must("openssl pkey -in '" + uri("k") + "' -pubout -out pub.pem; echo content > message");
  }
};

TEST_F(Ed25519CommandTest, RequestAndRawSignature) {
  must("openssl req -new -key '" + uri("k") + "' -subj /CN=x -out r.csr");
  EXPECT_THAT(must("OPENSSL_CONF=$PLAIN openssl req -in r.csr -verify -noout -text"),
              testing::AllOf(HasSubstr("verify OK"), HasSubstr("Signature Algorithm: ED25519")));
  must("openssl pkeyutl -sign -rawin -inkey '" + uri("k") + "' -in message -out s");
  must(
      "OPENSSL_CONF=$PLAIN openssl pkeyutl -verify -rawin -pubin -inkey pub.pem -in message "
      "-sigfile s");
  EXPECT_NE(run("openssl dgst -sha256 -sign '" + uri("k") + "' -out s message").status, 0);
}

}  // namespace
}  // namespace poolkey::provider
