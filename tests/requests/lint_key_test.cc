// The linter's rules on keys, and its lists of weak ones.
#include <thread>

#include "tests/requests/debian.h"
#include "tests/requests/lint_subjects.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> with_key(const crypto::PublicKey& key,
                                  Profile profile = Profile::kPublicBr) {
  return found_after([&](auto& c) { c.public_key = key; }, profile);
}

std::vector<std::string> with_rsa(const Bytes& modulus, const Bytes& exponent = {1, 0, 1}) {
  return with_key(crypto::PublicKey::from_rsa(modulus, exponent));
}

Bytes good_modulus() { return good().public_key.modulus(); }

TEST(LintKeyTest, HoldsKeysToTheRules) {
  const Bytes n = good_modulus();
  EXPECT_THAT(with_rsa(n, {1}), ElementsAre("key.exponent-invalid=error"));
  EXPECT_THAT(with_rsa(n, n), ElementsAre("key.exponent-invalid=error"));
  EXPECT_THAT(with_rsa(n, {17}), ElementsAre("key.exponent-unusual=warn"));
  EXPECT_THAT(with_rsa(Bytes(256, 0xff)), Contains("key.small-factor=error"));
  Bytes even = n;
  even.back() &= 0xfe;
  EXPECT_THAT(with_rsa(even),
              testing::IsSupersetOf({"key.modulus-even=error", "key.small-factor=error"}));
  Bytes odd_size = n;
  odd_size.insert(odd_size.begin(), 0x01);
  EXPECT_THAT(with_rsa(odd_size), Contains("key.rsa-size-step=error"));
  EXPECT_THAT(with_rsa(Bytes(1100, 0xfd)), Contains("key.rsa-large=warn"));
  EXPECT_THAT(with_key(crypto::PublicKey::from_evp(ec_key("secp256k1").get())),
              Contains("key.ec-curve=error"));
  EXPECT_THAT(with_key(crypto::PublicKey::from_evp(ed25519_key().get())),
              Contains("key.type=error"));
}

TEST(LintKeyTest, SeesBrokenKeys) {
  const std::unique_ptr<BN_CTX, Free<BN_CTX_free>> ctx(BN_CTX_new());
  const BnPtr p(BN_new()), q(BN_new()), n(BN_new());
  BN_generate_prime_ex(p.get(), 1024, 0, nullptr, nullptr, nullptr);
  BN_copy(q.get(), p.get());
  do BN_add_word(q.get(), 2);
  while (BN_check_prime(q.get(), ctx.get(), nullptr) != 1);
  const auto octets = [](const BIGNUM* number) {
    Bytes out(static_cast<std::size_t>(BN_num_bytes(number)));
    BN_bn2bin(number, out.data());
    return out;
  };
  BN_mul(n.get(), p.get(), q.get(), ctx.get());
  EXPECT_THAT(with_rsa(octets(n.get())), Contains("key.close-primes=error"));
  EXPECT_THAT(with_rsa(octets(p.get())), Contains("key.prime-power=error"));
}

/// OpenSSL decodes it.
TEST(LintKeyTest, SeesThePointAtInfinity) {
  const Bytes spki = from_hex("3019301306072a8648ce3d020106082a8648ce3d03010703020000");
  EXPECT_THAT(with_key(crypto::PublicKey::from_spki_der(spki)), Contains("key.ec-point=error"));
}

TEST(LintKeyTest, SeesRocaInAPublishedRequest) {
  const LintSubject subject = read_lint_subject(data_file("roca.csr"));
  EXPECT_THAT(found(subject, Profile::kPublicBr), Contains("key.roca=error"));
  EXPECT_THAT(found(subject, Profile::kInternal), Contains("key.roca=error"));
}

TEST(LintKeyTest, SeesHowTheKeyIsWritten) {
  EXPECT_THAT(
      found_after([](auto& c) { c.key_algorithm = from_hex("300b06092a864886f70d010101"); }),
      ElementsAre("key.spki-encoding=error"));
}

TEST(LintKeyTest, KnowsDebiansKeysFromItsSample) {
  const crypto::DebianKey weak = crypto::debian_key(2048, {.process = 1007});
  const crypto::DebianKey unlisted = crypto::debian_key(2048, {.process = 999});
  EXPECT_THAT(with_rsa(weak.modulus), ElementsAre("key.debian=error"));
  EXPECT_THAT(with_rsa(unlisted.modulus), IsEmpty());
  const auto csr = crypto::parse_csr(crypto::build_csr(good_spec(), private_key(weak).get()));
  EXPECT_THAT(found(external(csr), Profile::kLync), IsEmpty());
  EXPECT_THAT(found(external(csr), Profile::kInternal), ElementsAre("key.debian=error"));
  EXPECT_EQ(WeakKeys::built_in().size(), 288U);
}

TEST(LintKeyTest, ReadsListsOfWeakKeys) {
  const TemporaryFolder folder;
  const crypto::DebianKey weak = crypto::debian_key(2048, {.process = 999});
  const crypto::PublicKey key = crypto::PublicKey::from_rsa(weak.modulus, Bytes{1, 0, 1});
  crypto::ParsedCsr csr = good();
  csr.public_key = key;
  std::filesystem::create_directory(folder.path("lists"));
  // As openssl has it: rsa -noout -modulus | sha1sum, the last 20 digits.
  const std::string pem = folder.file("key.pem", key.pem());
  const std::string sum =
      openssl("rsa -pubin -noout -modulus -in " + pem + " | sha1sum | cut -c21-40").output;
  folder.file("lists/blacklist.RSA-2048", "# a comment\n\n" + sum);
  const auto with = [&](const std::string& list) {
    return found(external(csr), Profile::kPublicBr, kNow, WeakKeys::with({folder.path(list)}));
  };
  EXPECT_THAT(with("lists"), ElementsAre("key.debian=error"));
  EXPECT_THAT(with("lists/blacklist.RSA-2048"), ElementsAre("key.debian=error"));
  folder.file("reported", hex(key.spki_sha256()) + "  # stolen on 2026-11-20\r\n");
  EXPECT_THAT(with("reported"), ElementsAre("key.reported=error"));
  folder.file("bad", sum + "C0DE\n");
  EXPECT_THAT([&] { with("bad"); }, ThrowsErrc(Errc::kInvalidArgument, "bad:2: the line"));
  EXPECT_THAT([&] { with("absent"); }, ThrowsErrc(Errc::kNotFound));
}

TEST(LintKeyTest, RemembersWhatItFound) {
  crypto::ParsedCsr csr = good();
  csr.public_key = crypto::PublicKey::from_evp(rsa_key().get());
  const LintSubject subject = external(csr);
  const auto seconds = [&] {
    const auto start = std::chrono::steady_clock::now();
    for (const Profile profile : {Profile::kPublicBr, Profile::kLync})
      EXPECT_THAT(found(subject, profile), IsEmpty());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double first = seconds();
  double again = first;
  for (int i = 0; i < 20; ++i) again = std::min(again, seconds());
  EXPECT_LT(again, first / 4);
}

TEST(LintKeyTest, MayBeAskedByManyThreads) {
  std::vector<LintSubject> subjects;
  for (int i = 0; i < 8; ++i) {
    crypto::ParsedCsr csr = good_ec();
    subjects.push_back(external(csr));
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i)
        for (const LintSubject& subject : subjects)
          EXPECT_THAT(found(subject, Profile::kPublicBr), IsEmpty());
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace poolkey::requests
