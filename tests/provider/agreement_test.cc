// ECDH in the token; the other side is the default provider.
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <atomic>
#include <thread>

#include "fixture.h"
#include "hsm/object.h"
#include "support/faulty_token.h"

namespace poolkey::provider {
namespace {

using testing::HasSubstr;

constexpr const char* kX963 = "X963KDF";

class AgreementTest : public testing::TestWithParam<const char*>, public BuiltinFixture {
 protected:
  AgreementTest()
      : BuiltinFixture(test::kFaultyModule), made(make_free_key(GetParam(), "k")), key(load("k")) {}

  /// A key pair in software on our key's curve.
  crypto::EvpPkey other_side() const {
    char group[32];
    std::size_t size = 0;
    EXPECT_EQ(EVP_PKEY_get_group_name(made.evp(), group, sizeof group, &size), 1);
    return crypto::EvpPkey(EVP_EC_gen(group));
  }
  /// The shared secret, or nothing with what was said in `said`.
  std::optional<Bytes> agree(OSSL_LIB_CTX* libctx, EVP_PKEY* own, EVP_PKEY* peer,
                             const char* kdf = "") {
    const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(libctx, own, nullptr));
    std::size_t derived = 40, size = 0;
    std::string info = "info", digest = "SHA256", name = kdf;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, name.data(), 0),
        OSSL_PARAM_construct_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, &derived),
        OSSL_PARAM_construct_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, info.data(), info.size()),
        OSSL_PARAM_construct_end()};
    if (EVP_PKEY_derive_init_ex(ctx.get(), name.empty() ? nullptr : params) == 1 &&
        EVP_PKEY_CTX_set_ecdh_cofactor_mode(ctx.get(), 1) == 1 &&
        EVP_PKEY_derive_set_peer(ctx.get(), crypto::PublicKey::from_evp(peer).evp()) == 1) {
      const crypto::EvpPkeyCtx copy(EVP_PKEY_CTX_dup(ctx.get()));
      if (copy && EVP_PKEY_derive(copy.get(), nullptr, &size) == 1) {
        Bytes out(size);
        if (EVP_PKEY_derive(copy.get(), out.data(), &size) == 1) return out;
      }
    }
    said = crypto::drain_errors();
    return std::nullopt;
  }
  /// Secret keys in the token's sessions.
  std::size_t secrets() const {
    hsm::Template wanted;
    wanted.set(CKA_CLASS, CK_ULONG{CKO_SECRET_KEY}).set(CKA_TOKEN, false);
    return hsm::find_objects(*token->lease(), std::move(wanted)).size();
  }

  crypto::PublicKey made;
  crypto::EvpPkey key;
  std::string said;
};
INSTANTIATE_TEST_SUITE_P(All, AgreementTest, testing::Values("EC-P-256", "EC-P-384", "EC-P-521"),
                         algorithm_name);

TEST_P(AgreementTest, BothSidesHaveTheSameSecretAlsoWithLeadingZeros) {
  bool zeros = false;
  for (int tries = 0; tries < 5000 && !zeros; ++tries) {
    const crypto::EvpPkey peer = other_side();
    const auto theirs = agree(nullptr, peer.get(), made.evp());
    ASSERT_TRUE(theirs) << said;
    zeros = theirs->front() == 0;
    if (!zeros && tries > 2) continue;
    EXPECT_EQ(agree(builtin.context(), key.get(), peer.get()), theirs) << said;
  }
  EXPECT_TRUE(zeros) << "a token may leave them out, so they must be seen";
  EXPECT_EQ(secrets(), 0U) << "what was derived stays in the token";
}

TEST_P(AgreementTest, WithTheDerivationOfCms) {
  const crypto::EvpPkey peer = other_side();
  const auto ours = agree(builtin.context(), key.get(), peer.get(), kX963);
  ASSERT_TRUE(ours) << said;
  EXPECT_EQ(ours->size(), 40U);
  EXPECT_EQ(ours, agree(nullptr, peer.get(), made.evp(), kX963));
  EXPECT_FALSE(agree(builtin.context(), key.get(), peer.get(), "NONSENSE"));
  EXPECT_THAT(said, HasSubstr("cannot be 'NONSENSE'"));
}

TEST_P(AgreementTest, APeerOnAnotherCurveAndAPeerOfOurOwn) {
  const crypto::EvpPkey stranger(EVP_EC_gen("secp256k1"));
  EXPECT_FALSE(agree(builtin.context(), key.get(), stranger.get()));
  const crypto::PublicKey second = make_free_key(GetParam(), "second");
  const crypto::EvpPkey second_key = load("second");
  EXPECT_EQ(agree(builtin.context(), key.get(), second_key.get()),
            agree(builtin.context(), second_key.get(), key.get()))
      << said;
}

TEST_P(AgreementTest, ASmallBufferGetsNothing) {
  const crypto::EvpPkey peer = other_side();
  const crypto::EvpPkeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(builtin.context(), key.get(), nullptr));
  ASSERT_EQ(EVP_PKEY_derive_init(ctx.get()), 1);
  ASSERT_EQ(EVP_PKEY_derive_set_peer(ctx.get(), crypto::PublicKey::from_evp(peer.get()).evp()), 1);
  Bytes out(31, 0xaa);
  std::size_t size = out.size();
  EXPECT_NE(EVP_PKEY_derive(ctx.get(), out.data(), &size), 1);
  EXPECT_EQ(out, Bytes(31, 0xaa));
  ERR_clear_error();
}

TEST_P(AgreementTest, AKeyThatMayNotDeriveSaysSo) {
  hsm::generate_key_pair(*token, {.algorithm = GetParam(),
                                  .private_attributes = {{"CKA_SIGN", true}, {"CKA_DERIVE", false}},
                                  .public_attributes = {},
                                  .private_extra = {},
                                  .label = "signs",
                                  .id = to_bytes("signs")});
  const crypto::EvpPkey signs = load("signs"), peer = other_side();
  EXPECT_FALSE(agree(builtin.context(), signs.get(), peer.get()));
  EXPECT_THAT(said, HasSubstr("CKR_KEY_FUNCTION_NOT_PERMITTED"));
}

TEST_P(AgreementTest, ATokenThatWantsThePointWrappedGetsItSo) {
  const crypto::EvpPkey peer = other_side();
  const auto theirs = agree(nullptr, peer.get(), made.evp());
  test::set_faults("C_DeriveKey 1 before CKR_FUNCTION_NOT_SUPPORTED");
  EXPECT_EQ(agree(builtin.context(), key.get(), peer.get()), theirs) << said;
  EXPECT_EQ(test::calls_of("C_DeriveKey"), 2UL);
}

TEST_P(AgreementTest, SessionsAndHandlesThatDiedCostNothingAndOtherFaultsAreTold) {
  const crypto::EvpPkey peer = other_side();
  const auto theirs = agree(nullptr, peer.get(), made.evp());
  for (const char* fault : {"lose-session", "lose-object"}) {
    test::set_faults(std::string("C_DeriveKey 1 ") + fault);
    EXPECT_EQ(agree(builtin.context(), key.get(), peer.get()), theirs) << fault << said;
  }
  for (const char* fault :
       {"C_DeriveKey 1 after CKR_DEVICE_ERROR", "C_DestroyObject 1 before CKR_DEVICE_ERROR"}) {
    test::set_faults(fault);
    const auto ours = agree(builtin.context(), key.get(), peer.get());
    EXPECT_TRUE(!ours || ours == theirs) << fault;
    EXPECT_EQ(agree(builtin.context(), key.get(), peer.get()), theirs) << fault << said;
  }
}

TEST_P(AgreementTest, ManyThreadsShareOneKey) {
  const crypto::EvpPkey peer = other_side();
  const auto theirs = agree(nullptr, peer.get(), made.evp());
  std::atomic<int> good = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i)
        if (agree(builtin.context(), key.get(), peer.get()) == theirs) ++good;
    });
  threads.clear();
  EXPECT_EQ(good, 80);
  EXPECT_EQ(secrets(), 0U);
}

class AgreementCommandTest : public testing::Test, public CommandFixture {};

TEST_F(AgreementCommandTest, CmsForAnEcRecipientAndPkeyutl) {
  for (const std::string algorithm : {"EC-P-256", "EC-P-384", "EC-P-521"}) {
    make_free_key(algorithm, algorithm);
    const std::string key = uri(algorithm);
    must("openssl req -x509 -new -key '" + key + "' -subj /CN=x -days 3 -out c.pem");
    must(
        "echo content > message\n"
        "OPENSSL_CONF=$PLAIN openssl cms -encrypt -aes128 -binary -in message -out m.cms "
        "-recip c.pem -keyopt ecdh_kdf_md:sha256");
    EXPECT_THAT(must("openssl cms -decrypt -in m.cms -recip c.pem -inkey '" + key + "'"),
                testing::Eq("content\n"));
    must(
        "openssl x509 -in c.pem -pubkey -noout > own.pem\n"
        "OPENSSL_CONF=$PLAIN openssl genpkey -algorithm EC -pkeyopt group:" +
        algorithm.substr(3) +
        " -out peer.key\nOPENSSL_CONF=$PLAIN openssl pkey -in peer.key -pubout -out peer.pem\n"
        "openssl pkeyutl -derive -inkey '" +
        key +
        "' -peerkey peer.pem -out ours\n"
        "OPENSSL_CONF=$PLAIN openssl pkeyutl -derive -inkey peer.key -peerkey own.pem -out "
        "theirs\ncmp ours theirs");
  }
}

}  // namespace
}  // namespace poolkey::provider
