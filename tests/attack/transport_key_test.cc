// Transport keys made to be broken: refused by us, before they come near the token.
#include "crypto/openssl.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

constexpr std::size_t kBytes3072 = 384;

/// An odd modulus of this many octets with all bits of `fill`: far from random, and without a
/// reason to be a product of two primes.
Bytes junk_modulus(std::size_t size, std::uint8_t fill = 0xff) {
  Bytes out(size, fill);
  out.front() |= 0x80;
  out.back() |= 0x01;
  return out;
}

Bytes even(Bytes modulus) {
  modulus.back() &= 0xfe;
  return modulus;
}

struct WeakKey {
  std::string_view name;
  Bytes modulus;  ///< empty: that of a good key
  Bytes exponent;
  Errc code;
};

void PrintTo(const WeakKey& key, std::ostream* out) { *out << key.name; }

class TransportKeyTest : public SidesTest {
 protected:
  TransportKeyTest() { sides().become_security_officer(); }
  ~TransportKeyTest() override { sides().become_user(); }

  std::size_t trusted_keys() {
    return hsm::find_objects(
               origin,
               hsm::Template().set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_TRUSTED, true))
        .size();
  }
  static Bytes good_modulus() {
    static const Bytes modulus = [] {
      const crypto::EvpPkey key(EVP_RSA_gen(3072));
      return crypto::PublicKey::from_evp(key.get()).modulus();
    }();
    return modulus;
  }
};

class WeakTransportKeyTest : public TransportKeyTest,
                             public testing::WithParamInterface<WeakKey> {};

TEST_P(WeakTransportKeyTest, IsRefusedBeforeItReachesTheToken) {
  const WeakKey& weak = GetParam();
  const Bytes modulus = weak.modulus.empty() ? good_modulus() : weak.modulus;
  // Refused by us: the error carries no code of the module's.
  EXPECT_THAT(
      [&] {
        hsm::import_trusted_key(origin, crypto::PublicKey::from_rsa(modulus, weak.exponent), "weak",
                                Bytes{1});
      },
      testing::Throws<Error>(
          testing::AllOf(testing::Property("code", &Error::code, weak.code),
                         testing::Property("ckr", &Error::ckr, testing::Eq(std::nullopt)))));
  EXPECT_EQ(trusted_keys(), 0U);
}

INSTANTIATE_TEST_SUITE_P(
    Weak, WeakTransportKeyTest,
    testing::Values(
        WeakKey{"ExponentOne", {}, {0x01}, Errc::kInvalidArgument},
        WeakKey{"ExponentThree", {}, {0x03}, Errc::kInvalidArgument},
        WeakKey{"EvenExponent", {}, {0x01, 0x00, 0x00}, Errc::kInvalidArgument},
        WeakKey{"EmptyExponent", {}, {}, Errc::kCorrupt},
        WeakKey{"ZeroExponent", {}, {0x00}, Errc::kCorrupt},
        WeakKey{"Rsa1024", junk_modulus(128, 0xa5), {1, 0, 1}, Errc::kInvalidArgument},
        WeakKey{"Rsa2048", junk_modulus(256, 0xa5), {1, 0, 1}, Errc::kInvalidArgument},
        WeakKey{"EvenModulus", even(junk_modulus(kBytes3072)), {1, 0, 1}, Errc::kInvalidArgument},
        WeakKey{"JunkModulus", junk_modulus(kBytes3072), {1, 0, 1}, Errc::kInvalidArgument}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(TransportKeyTest, IsTakenOnceAndFoundByItsWholeKey) {
  const crypto::PublicKey key = crypto::PublicKey::from_rsa(good_modulus(), Bytes{1, 0, 1});
  EXPECT_EQ(hsm::find_trusted_key(origin, key), CK_INVALID_HANDLE);
  const CK_OBJECT_HANDLE made = hsm::import_trusted_key(origin, key, "good", Bytes{2});
  EXPECT_EQ(hsm::find_trusted_key(origin, key), made);
  const hsm::TrustedKeys all(origin);
  EXPECT_EQ(all.find(key), made);
  EXPECT_THAT(all.besides({key}), testing::IsEmpty());
  EXPECT_THAT(all.besides({}), testing::ElementsAre(key));
  // The same modulus under another exponent is another key, and a stray.
  const crypto::PublicKey other = crypto::PublicKey::from_rsa(good_modulus(), Bytes{0x03});
  EXPECT_EQ(all.find(other), CK_INVALID_HANDLE);
  EXPECT_THAT(all.besides({other}), testing::ElementsAre(key));
  hsm::destroy_object(origin, made);
}

// Why we must: SoftHSM takes such a key, and wraps under it in the clear.
TEST_F(TransportKeyTest, NotRefusedTokenItselfTakesExponentOneAndWrapsInTheClear) {
  CK_OBJECT_HANDLE rsa = CK_INVALID_HANDLE;
  ASSERT_THAT(raw_create(origin,
                         hsm::Template()
                             .set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY})
                             .set(CKA_KEY_TYPE, CK_ULONG{CKK_RSA})
                             .set(CKA_TOKEN, false)
                             .set(CKA_PRIVATE, false)
                             .set(CKA_TRUSTED, true)
                             .set(CKA_WRAP, true)
                             .set(CKA_MODULUS, ByteView(good_modulus()))
                             .set(CKA_PUBLIC_EXPONENT, ByteView(Bytes{0x01})),
                         &rsa),
              RvIs(CKR_OK));
  const CK_OBJECT_HANDLE wrapping_key = hsm::generate_trusted_wrapping_key(origin);
  Bytes wrapped;
  ASSERT_THAT(raw_wrap(origin, oaep(), rsa, wrapping_key, &wrapped), RvIs(CKR_OK));
  // x to the power of one: what OAEP padded, and it begins with a zero octet.
  ASSERT_EQ(wrapped.size(), kBytes3072);
  EXPECT_EQ(wrapped.front(), 0x00);
}

}  // namespace
}  // namespace poolkey::test
