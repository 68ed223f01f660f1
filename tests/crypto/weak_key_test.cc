// Keys that are broken: published ones, and ones made to be; and keys that are not.
#include "crypto/weak_key.h"

#include "crypto/debian_key.h"
#include "crypto/digest.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

/// A key of an Infineon chip, published for tests of the fingerprint (badkeys, rsa-roca.key).
constexpr std::string_view kRocaModulus =
    "9132AD211FCC0DFB4DAE48326AC864C227E4B394B09BD1C4930E197028A3C907694D2B489E4F69754AEAE338C6EAD9"
    "39C57F406985CBBB8EDF9A2055CC2946BC05D365BA67E896C6D4811152CFA2D290514F90B352EEEF27FEB72FBD8DCD"
    "5BC915A4F4494139CC1CA10A3244FA97E53275F57B5529B4E767379007798E112A4BA056C7B75CEDB132CDF21F7BD3"
    "C9976D9DA38815153477A13B3EBB2046D100A851DC00698F530D19396F00FBEF2C4BF1659EBC4C7FD9556B5FFC93F0"
    "3CA2D3DFACD222A5F028AB430A27EA31136C0C2F50C3C481931A635A37780F00D2727AE71AEE9B40F8D1AAE68535C7"
    "7A56317812BEB5525D4A28364F31224ACAC52CF72D";

BnPtr number(ByteView octets) {
  return BnPtr(BN_bin2bn(octets.data(), static_cast<int>(octets.size()), nullptr));
}

Bytes octets(const BIGNUM* n) {
  Bytes out(static_cast<std::size_t>(BN_num_bytes(n)));
  BN_bn2bin(n, out.data());
  return out;
}

struct Numbers {
  std::unique_ptr<BN_CTX, Free<BN_CTX_free>> ctx{BN_CTX_new()};
  Bytes product(const BIGNUM* a, const BIGNUM* b) const {
    const BnPtr out(BN_new());
    BN_mul(out.get(), a, b, ctx.get());
    return octets(out.get());
  }
  static BnPtr prime(int bits) {
    BnPtr out(BN_new());
    BN_generate_prime_ex(out.get(), bits, 0, nullptr, nullptr, nullptr);
    return out;
  }
  /// The prime `steps` primes after `from`.
  BnPtr later_prime(const BIGNUM* from, int steps) const {
    BnPtr out(BN_dup(from));
    while (steps > 0) {
      BN_add_word(out.get(), 2);
      if (BN_check_prime(out.get(), ctx.get(), nullptr) == 1) --steps;
    }
    return out;
  }
  /// As Infineon's library made primes: k * M + (65537^a mod M).
  BnPtr roca_prime() const {
    const BnPtr m(BN_new()), base(BN_new()), a(BN_new()), k(BN_new());
    BnPtr out(BN_new());
    BN_one(m.get());
    for (unsigned p = 2; p <= 167; ++p) {
      bool is_prime = true;
      for (unsigned d = 2; d < p; ++d) is_prime = is_prime && p % d != 0;
      if (is_prime) BN_mul_word(m.get(), p);
    }
    BN_set_word(base.get(), 65537);
    do {
      BN_rand(a.get(), 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
      BN_rand(k.get(), 512 - BN_num_bits(m.get()), BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY);
      BN_mod_exp(out.get(), base.get(), a.get(), m.get(), ctx.get());
      BN_mul(k.get(), k.get(), m.get(), ctx.get());
      BN_add(out.get(), out.get(), k.get());
    } while (BN_check_prime(out.get(), ctx.get(), nullptr) != 1);
    return out;
  }
};

TEST(WeakKeyTest, KnowsThePublishedInfineonKey) {
  EXPECT_TRUE(has_roca_fingerprint(from_hex(kRocaModulus)));
  const Numbers numbers;
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(has_roca_fingerprint(
        numbers.product(numbers.roca_prime().get(), numbers.roca_prime().get())));
  // One prime of that form is not enough.
  EXPECT_FALSE(
      has_roca_fingerprint(numbers.product(numbers.roca_prime().get(), Numbers::prime(512).get())));
}

TEST(WeakKeyTest, AccusesNoGoodKey) {
  const Numbers numbers;
  // 200 primes make 19,900 keys.
  std::vector<BnPtr> primes;
  for (int i = 0; i < 200; ++i) primes.push_back(Numbers::prime(256));
  for (std::size_t i = 0; i < primes.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const Bytes modulus = numbers.product(primes[i].get(), primes[j].get());
      ASSERT_FALSE(has_roca_fingerprint(modulus)) << hex(modulus);
      ASSERT_EQ(small_factor(modulus), std::nullopt) << hex(modulus);
      if (j % 20 != 0) continue;
      ASSERT_EQ(close_primes(modulus), std::nullopt) << hex(modulus);
      ASSERT_FALSE(is_prime_power(modulus)) << hex(modulus);
    }
}

TEST(WeakKeyTest, FindsSmallFactors) {
  const Bytes good = octets(number(from_hex(kRocaModulus)).get());
  EXPECT_EQ(small_factor(good), std::nullopt);
  for (const unsigned factor : {2U, 3U, 17U, 743U, 751U}) {
    BnPtr n = number(good);
    BN_mul_word(n.get(), factor);
    EXPECT_EQ(small_factor(octets(n.get())), factor);
  }
  BnPtr above = number(good);
  BN_mul_word(above.get(), 757);
  EXPECT_EQ(small_factor(octets(above.get())), std::nullopt);
}

TEST(WeakKeyTest, FactorsClosePrimes) {
  const Numbers numbers;
  const BnPtr p = Numbers::prime(512);
  EXPECT_EQ(close_primes(numbers.product(p.get(), numbers.later_prime(p.get(), 1).get())), 1);
  EXPECT_EQ(close_primes(numbers.product(p.get(), p.get())), 1);
  // 13 * 101 = 57^2 - 44^2, and 57 is the 21st number to try from the root's, 37.
  const Bytes small{0x05, 0x21};
  EXPECT_EQ(close_primes(small), 21);
  EXPECT_EQ(close_primes(small, 21), 21);
  EXPECT_EQ(close_primes(small, 20), std::nullopt);
}

TEST(WeakKeyTest, KnowsPrimesAndTheirPowers) {
  const Numbers numbers;
  const BnPtr p = Numbers::prime(256);
  const Bytes square = numbers.product(p.get(), p.get());
  const Bytes cube = numbers.product(p.get(), number(square).get());
  EXPECT_TRUE(is_prime_power(octets(p.get())));
  EXPECT_TRUE(is_prime_power(square));
  EXPECT_TRUE(is_prime_power(cube));
  EXPECT_FALSE(is_prime_power(numbers.product(p.get(), Numbers::prime(256).get())));
}

TEST(WeakKeyTest, ChecksPoints) {
  EXPECT_TRUE(is_valid_point(PublicKey::from_evp(ec_key("P-384").get())));
}

/// SHA-256 of the moduli of published keys: HARICA's debian-weak-keys (the first two) and badkeys'
/// debianopenssl, each of process 1000.
TEST(DebianKeyTest, AreThePublishedOnes) {
  using enum DebianMachine;
  using enum DebianSeed;
  struct Row {
    DebianRun run;
    std::string_view sha256;
  };
  for (const Row& row : {Row{{kLittle64, kNoReadRnd, 1000},
                             "6a5fe0a26ec49ea11eda6c6c05ee63f01c8dda392fc771b6ececd2efe4f3f039"},
                         Row{{kLittle32, kNoRnd, 1000},
                             "2b4a2d39bec8ce9b5f5910f5400ed8c986dede6133b926371c3fd4a0625da82f"},
                         Row{{kBig32, kRnd, 1000},
                             "73c10a68944638892cd12e1ce8cbdb265ec511a7205b896e0058ca80269d633c"}}) {
    const DebianKey key = debian_key(2048, row.run);
    EXPECT_EQ(hex(sha256(key.modulus)), row.sha256);
    EXPECT_EQ(key.modulus, Numbers().product(number(key.p).get(), number(key.q).get()));
  }
  EXPECT_THAT([] { debian_key(511, {}); }, ThrowsErrc(Errc::kInvalidArgument, "512 to 8192"));
}

/// As "openssl rsa -noout -modulus | sha1sum" has it.
TEST(DebianKeyTest, HasDebiansFingerprint) {
  EXPECT_EQ(hex(debian_fingerprint(from_hex("C0DE"))), "a09055dad98904c922ab");
}

}  // namespace
}  // namespace poolkey::crypto
