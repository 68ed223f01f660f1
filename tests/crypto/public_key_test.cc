#include "crypto/public_key.h"

#include "crypto/signature.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

Bytes concat(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

/// An EC SPKI with an encoding that OpenSSL would not choose by itself.
Bytes spki_with(EVP_PKEY* key, const char* param, const char* value) {
  EXPECT_EQ(EVP_PKEY_set_utf8_string_param(key, param, value), 1);
  return to_der<i2d_PUBKEY>(key);
}

TEST(PublicKeyTest, NamesItsAlgorithm) {
  EXPECT_EQ(PublicKey::from_evp(rsa_key().get()).algorithm(), "RSA-2048");
  EXPECT_EQ(PublicKey::from_evp(ec_key("P-256").get()).algorithm(), "EC-P-256");
  EXPECT_EQ(PublicKey::from_evp(ec_key("P-384").get()).algorithm(), "EC-P-384");
  EXPECT_EQ(PublicKey::from_evp(ec_key("P-521").get()).algorithm(), "EC-P-521");
  EXPECT_EQ(PublicKey::from_evp(ed25519_key().get()).algorithm(), "Ed25519");
  EXPECT_EQ(PublicKey::from_evp(ec_key("secp256k1").get()).algorithm(), "EC-secp256k1");
  EXPECT_EQ(PublicKey::from_evp(rsa_key(2048, 65537, "RSA-PSS").get()).algorithm(), "RSA-PSS-2048");
}

TEST(PublicKeyTest, ComesBackFromEachOfItsForms) {
  const PublicKey rsa = PublicKey::from_evp(rsa_key().get());
  EXPECT_EQ(PublicKey::from_spki_der(rsa.spki_der()), rsa);
  EXPECT_EQ(PublicKey::from_pem(rsa.pem()), rsa);
  EXPECT_EQ(PublicKey::from_rsa(rsa.modulus(), rsa.exponent()), rsa);
  EXPECT_EQ(PublicKey::from_rsa(concat({0}, rsa.modulus()), concat({0, 0}, rsa.exponent())), rsa);
  EXPECT_EQ(rsa.spki_sha256().size(), 32U);
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const PublicKey ec = PublicKey::from_evp(ec_key(curve).get());
    EXPECT_EQ(PublicKey::from_spki_der(ec.spki_der()), ec) << curve;
    EXPECT_EQ(PublicKey::from_ec(ec.ec_params(), ec.ec_point()), ec) << curve;
    EXPECT_NE(ec, rsa);
  }
}

TEST(PublicKeyTest, WritesTheSpkiThatOpensslWrites) {
  for (const EvpPkey& key : {rsa_key(), rsa_key(3072), rsa_key(2048, 3), ec_key("P-256"),
                             ec_key("P-384"), ec_key("P-521"), ed25519_key(), ec_key("secp256k1")})
    EXPECT_EQ(PublicKey::from_evp(key.get()).spki_der(), to_der<i2d_PUBKEY>(key.get()));
}

TEST(PublicKeyTest, HasTheSpkiOfAnRsaKeyWithoutDecodingIt) {
  for (const unsigned bits : {1024U, 2048U, 3072U}) {
    const PublicKey key = PublicKey::from_evp(rsa_key(bits).get());
    EXPECT_EQ(rsa_spki_der(key.modulus(), key.exponent()), key.spki_der());
    EXPECT_EQ(rsa_spki_der(concat({0, 0}, key.modulus()), concat({0}, key.exponent())),
              key.spki_der());
  }
}

TEST(PublicKeyTest, OfARecordIsDecodedWhenItIsAskedFor) {
  const PublicKey key = PublicKey::from_evp(ec_key("P-256").get());
  const PublicKey recorded = PublicKey::from_record(key.spki_der());
  EXPECT_EQ(recorded, key);
  EXPECT_EQ(recorded.spki_sha256(), key.spki_sha256());
  EXPECT_EQ(recorded.algorithm(), "EC-P-256");
  EXPECT_EQ(recorded.ec_point(), key.ec_point());
}

TEST(PublicKeyTest, OfADamagedRecordIsRefusedWhenItIsAskedFor) {
  const PublicKey junk = PublicKey::from_record({0x30, 0x00});
  EXPECT_THAT([&] { (void)junk.algorithm(); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { (void)junk.is_rsa(); }, ThrowsErrc(Errc::kCorrupt));
  const EvpPkey key = ec_key("P-256");
  const PublicKey odd = PublicKey::from_record(
      spki_with(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"));
  EXPECT_THAT([&] { (void)odd.algorithm(); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(PublicKeyTest, TakesEcPointsWithAndWithoutOctetString) {
  for (const char* curve : {"P-256", "P-384", "P-521"}) {
    const PublicKey ec = PublicKey::from_evp(ec_key(curve).get());
    const Bytes point = ec.ec_point();
    const auto size = static_cast<std::uint8_t>(point.size());
    const Bytes header = size < 0x80 ? Bytes{0x04, size} : Bytes{0x04, 0x81, size};
    EXPECT_EQ(PublicKey::from_ec(ec.ec_params(), concat(header, point)), ec) << curve;
  }
  const PublicKey ed = PublicKey::from_evp(ed25519_key().get());
  const Bytes point(ed.spki_der().end() - 32, ed.spki_der().end());
  const Bytes oid = from_hex("06032b6570");
  EXPECT_EQ(PublicKey::from_ec(oid, point), ed);
  EXPECT_EQ(PublicKey::from_ec(oid, concat({0x04, 0x20}, point)), ed);
  EXPECT_EQ(PublicKey::from_ec(concat({0x13, 0x0c}, to_bytes("edwards25519")), point), ed);
}

TEST(PublicKeyTest, RefusesPointsThatAreNone) {
  const PublicKey ec = PublicKey::from_evp(ec_key().get());
  const Bytes params = ec.ec_params();
  Bytes off_curve = ec.ec_point();
  off_curve.back() ^= 1U;
  EXPECT_THAT([&] { PublicKey::from_ec(params, off_curve); },
              ThrowsErrc(Errc::kCorrupt, "not on the curve"));
  EXPECT_THAT([&] { PublicKey::from_ec(params, {}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_ec(params, Bytes(64, 4)); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_ec(params, Bytes(67, 4)); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_ec(params, Bytes(100000, 4)); }, ThrowsErrc(Errc::kCorrupt));
  for (const char* junk : {"", "00", "0603", "06052b8104000a", "3003020101", "0500"})
    EXPECT_THAT([&] { PublicKey::from_ec(from_hex(junk), ec.ec_point()); },
                ThrowsErrc(Errc::kUnsupported))
        << junk;
}

TEST(PublicKeyTest, RefusesRsaNumbersThatAreNone) {
  const Bytes n = PublicKey::from_evp(rsa_key().get()).modulus();
  EXPECT_THAT([&] { PublicKey::from_rsa(n, {}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_rsa({}, Bytes{1, 0, 1}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_rsa(n, Bytes{0}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_rsa(Bytes(256), Bytes{1, 0, 1}); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([&] { PublicKey::from_rsa(Bytes(100000, 0xff), Bytes{3}); },
              ThrowsErrc(Errc::kCorrupt));
}

TEST(PublicKeyTest, NormalisesCompressedPointsAndRefusesExplicitCurves) {
  const EvpPkey key = ec_key();
  const PublicKey plain = PublicKey::from_evp(key.get());
  const Bytes compressed =
      spki_with(key.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
  EXPECT_LT(compressed.size(), plain.spki_der().size());
  EXPECT_EQ(PublicKey::from_spki_der(compressed), plain);
  const Bytes full = spki_with(key.get(), OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
  EXPECT_GT(full.size(), 200U);
  EXPECT_THAT([&] { PublicKey::from_spki_der(full); },
              ThrowsErrc(Errc::kUnsupported, "named curves"));
}

TEST(PublicKeyTest, AnswersOnlyForItsOwnKind) {
  const PublicKey ec = PublicKey::from_evp(ec_key().get());
  const PublicKey rsa = PublicKey::from_evp(rsa_key().get());
  EXPECT_THAT([&] { ec.modulus(); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { ec.exponent(); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { rsa.ec_point(); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { rsa.ec_params(); }, ThrowsErrc(Errc::kInvalidArgument));
}

TEST(PublicKeyTest, SurvivesHostileOctets) {
  for (const EvpPkey& key : {rsa_key(), ec_key(), ed25519_key()}) {
    const PublicKey good = PublicKey::from_evp(key.get());
    survive_mutations(good.spki_der(), [](const Bytes& der) {
      const PublicKey bad = PublicKey::from_spki_der(der);
      bad.verify("SHA256", view("m"), Bytes(64, 1));
      check_transport_key(bad);
    });
  }
  Bytes trailing = PublicKey::from_evp(ec_key().get()).spki_der();
  trailing.push_back(0);
  EXPECT_THAT([&] { PublicKey::from_spki_der(trailing); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAA"); },
              ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { PublicKey::from_pem("hello"); }, ThrowsErrc(Errc::kCorrupt));
}

TEST(TransportKeyTest, AcceptsRsa3072AndUp) {
  EXPECT_NO_THROW(check_transport_key(PublicKey::from_evp(rsa_key(3072).get())));
}

TEST(TransportKeyTest, SaysWhatIsWrong) {
  const auto refused = [](const PublicKey& key, const std::string& why) {
    EXPECT_THAT([&] { check_transport_key(key); }, ThrowsErrc(Errc::kInvalidArgument, why));
  };
  const PublicKey good = PublicKey::from_evp(rsa_key(3072).get());
  const Bytes n = good.modulus();
  refused(PublicKey::from_evp(ec_key().get()), "only RSA");
  refused(PublicKey::from_evp(rsa_key(3072, 65537, "RSA-PSS").get()), "only RSA");
  refused(PublicKey::from_evp(rsa_key(2048).get()), "2048 bits");
  refused(PublicKey::from_rsa(Bytes(n.begin(), n.end() - 1), good.exponent()), "3064 bits");
  refused(PublicKey::from_rsa(concat({0x01}, n), good.exponent()), "3073 bits");
  refused(PublicKey::from_rsa(Bytes(1025, 0xff), good.exponent()), "8200 bits");
  refused(PublicKey::from_rsa(n, Bytes{1}), "exponent is 0x01");
  refused(PublicKey::from_rsa(n, Bytes{3}), "exponent is 0x03");
  refused(PublicKey::from_rsa(n, n), "exponent is 0x");
  Bytes even = n;
  even.back() &= 0xfe;
  refused(PublicKey::from_rsa(even, good.exponent()), "even");
  // 2^3072 - 1 is divisible by 3.
  refused(PublicKey::from_rsa(Bytes(384, 0xff), good.exponent()), "public-key check");
}

}  // namespace
}  // namespace poolkey::crypto
