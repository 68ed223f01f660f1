// Every way in which OpenSSL asks for a signature; each is verified by the default provider.
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <atomic>
#include <thread>

#include "crypto/signature.h"
#include "fixture.h"

namespace poolkey::provider {
namespace {

constexpr std::string_view kMessage = "the quick brown fox";

class SignatureTest : public testing::TestWithParam<const char*>, public BuiltinFixture {
 protected:
  SignatureTest() : made(make_key(GetParam(), "k")), key(load("k")) {}

  crypto::EvpMdCtx begin(const char* digest) const {
    crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EXPECT_EQ(EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, builtin.context(), nullptr,
                                    key.get(), nullptr),
              1)
        << crypto::drain_errors();
    return ctx;
  }
  static Bytes finish(EVP_MD_CTX* ctx) {
    std::size_t size = 0;
    EXPECT_EQ(EVP_DigestSignFinal(ctx, nullptr, &size), 1) << crypto::drain_errors();
    Bytes out(size);
    EXPECT_EQ(EVP_DigestSignFinal(ctx, out.data(), &size), 1) << crypto::drain_errors();
    out.resize(size);
    return out;
  }
  static void update(EVP_MD_CTX* ctx, std::string_view data) {
    EXPECT_EQ(EVP_DigestSignUpdate(ctx, data.data(), data.size()), 1);
  }
  static Bytes hash(const char* digest, std::string_view data) {
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned size = 0;
    EXPECT_EQ(EVP_Digest(data.data(), data.size(), out.data(), &size,
                         crypto::fetch_digest(digest).get(), nullptr),
              1);
    out.resize(size);
    return out;
  }

  crypto::PublicKey made;
  crypto::EvpPkey key;
};
INSTANTIATE_TEST_SUITE_P(All, SignatureTest, kAlgorithms, algorithm_name);

TEST_P(SignatureTest, EveryDigestUnderEveryNameOpenSslHasForIt) {
  for (const char* digest : {"SHA1", "SHA224", "SHA256", "sha256", "SHA2-256", "SHA384", "SHA2-384",
                             "SHA512", "SHA3-256", "SHA3-512"}) {
    const Bytes signature = crypto::sign(key.get(), digest, view(kMessage), builtin.context());
    EXPECT_TRUE(made.verify(digest, view(kMessage), signature)) << digest;
  }
}

/// DER of the AlgorithmIdentifier; empty: there is none.
Bytes algorithm_of(EVP_PKEY* key, const char* digest, OSSL_LIB_CTX* libctx) {
  const crypto::ErrorMark mark;
  const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
  EVP_PKEY_CTX* operation = nullptr;
  EXPECT_EQ(EVP_DigestSignInit_ex(ctx.get(), &operation, digest, libctx, nullptr, key, nullptr), 1);
  Bytes out(128);
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, out.data(), out.size()),
      OSSL_PARAM_construct_end()};
  const bool told =
      EVP_PKEY_CTX_get_params(operation, params) == 1 && OSSL_PARAM_modified(params) == 1;
  out.resize(told ? params[0].return_size : 0);
  return out;
}

TEST_P(SignatureTest, AlgorithmIdentifiersAreThoseOfSoftware) {
  const std::string algorithm = GetParam();
  const crypto::EvpPkey software(
      algorithm.starts_with("RSA")
          ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048})
          : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", algorithm.substr(3).c_str()));
  ASSERT_NE(software, nullptr);
  for (const char* digest : {"SHA1", "SHA224", "SHA256", "SHA384", "SHA512", "SHA512-224",
                             "SHA512-256", "SHA3-224", "SHA3-256", "SHA3-384", "SHA3-512"})
    EXPECT_EQ(hex(algorithm_of(key.get(), digest, builtin.context())),
              hex(algorithm_of(software.get(), digest, nullptr)))
        << digest;
}

TEST_P(SignatureTest, NoDigestNameMeansSha256) {
  const auto ctx = begin(nullptr);
  update(ctx.get(), kMessage);
  EXPECT_TRUE(made.verify("SHA256", view(kMessage), finish(ctx.get())));
}

TEST_P(SignatureTest, AnUnknownOrUnfitDigestFailsAtOnce) {
  for (const char* digest : {"SHAKE128", "BLAKE2b512", "NONSENSE"}) {
    const crypto::ErrorMark mark;
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    EXPECT_NE(EVP_DigestSignInit_ex(ctx.get(), nullptr, digest, builtin.context(), nullptr,
                                    key.get(), nullptr),
              1)
        << digest;
  }
}

TEST_P(SignatureTest, DataInPieces) {
  const auto ctx = begin("SHA384");
  for (const char c : kMessage) update(ctx.get(), {&c, 1});
  EXPECT_TRUE(made.verify("SHA384", view(kMessage), finish(ctx.get())));
}

TEST_P(SignatureTest, ACopyInTheMiddleGoesItsOwnWay) {
  const auto ctx = begin("SHA256");
  update(ctx.get(), "one ");
  const crypto::EvpMdCtx copy(EVP_MD_CTX_new());
  ASSERT_EQ(EVP_MD_CTX_copy_ex(copy.get(), ctx.get()), 1);
  update(ctx.get(), "two");
  update(copy.get(), "three");
  EXPECT_TRUE(made.verify("SHA256", view("one two"), finish(ctx.get())));
  EXPECT_TRUE(made.verify("SHA256", view("one three"), finish(copy.get())));
}

TEST_P(SignatureTest, AContextIsUsedAgainWithoutNamingTheKey) {
  const auto ctx = begin("SHA256");
  update(ctx.get(), "first");
  finish(ctx.get());
  ASSERT_EQ(EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha384(), nullptr, nullptr), 1);
  update(ctx.get(), "second");
  EXPECT_TRUE(made.verify("SHA384", view("second"), finish(ctx.get())));
}

TEST_P(SignatureTest, ABufferThatIsTooSmallGetsNothing) {
  const auto ctx = begin("SHA256");
  Bytes buffer(16, 0xaa);
  std::size_t size = buffer.size();
  EXPECT_NE(EVP_DigestSign(ctx.get(), buffer.data(), &size, view(kMessage).data(), kMessage.size()),
            1);
  EXPECT_EQ(buffer, Bytes(16, 0xaa));
  ERR_clear_error();
}

TEST_P(SignatureTest, AFinishedDigest) {
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(builtin.context(), key.get(), nullptr));
  const Bytes digest = hash("SHA256", kMessage);
  ASSERT_EQ(EVP_PKEY_sign_init(ctx.get()), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_signature_md(ctx.get(), EVP_sha256()), 1);
  Bytes out(static_cast<std::size_t>(EVP_PKEY_get_size(key.get())));
  std::size_t size = out.size();
  ASSERT_EQ(EVP_PKEY_sign(ctx.get(), out.data(), &size, digest.data(), digest.size()), 1);
  out.resize(size);
  EXPECT_TRUE(made.verify("SHA256", view(kMessage), out));
  EXPECT_NE(EVP_PKEY_sign(ctx.get(), out.data(), &size, digest.data(), digest.size() - 1), 1);
  ERR_clear_error();
}

TEST_P(SignatureTest, ThePrivateKeyVerifiesBySoftware) {
  const Bytes good = crypto::sign(key.get(), "SHA256", view(kMessage), builtin.context());
  Bytes bad = good;
  bad.back() ^= 1;
  for (const Bytes& signature : {good, bad}) {
    const crypto::ErrorMark mark;
    const crypto::EvpMdCtx ctx(EVP_MD_CTX_new());
    ASSERT_EQ(EVP_DigestVerifyInit_ex(ctx.get(), nullptr, "SHA256", builtin.context(), nullptr,
                                      key.get(), nullptr),
              1);
    EXPECT_EQ(EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), view(kMessage).data(),
                               kMessage.size()) == 1,
              signature == good);
  }
}

TEST_P(SignatureTest, ManyThreadsShareOneKey) {
  std::atomic<int> good = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string message = std::to_string(t) + "/" + std::to_string(i);
        const Bytes signature = crypto::sign(key.get(), "SHA256", view(message), builtin.context());
        if (made.verify("SHA256", view(message), signature)) ++good;
      }
    });
  threads.clear();
  EXPECT_EQ(good, 200);
  EXPECT_EQ(session_copies().size(), 1U);
}

TEST_P(SignatureTest, AContextOutlivesTheKeyHandle) {
  const auto ctx = begin("SHA256");
  key.reset();
  update(ctx.get(), kMessage);
  EXPECT_TRUE(made.verify("SHA256", view(kMessage), finish(ctx.get())));
}

}  // namespace
}  // namespace poolkey::provider
