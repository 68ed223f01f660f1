// What OpenSSL is told of a key, beside what it is told of the same public key in software.
#include <openssl/core_names.h>

#include <array>

#include "fixture.h"

namespace poolkey::provider {
namespace {

class KeymgmtTest : public testing::TestWithParam<const char*>, public BuiltinFixture {
 protected:
  KeymgmtTest() {
    make_key(GetParam(), "k");
    key = load("k");
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.get(), &der);
    const unsigned char* at = der;
    software.reset(d2i_PUBKEY(nullptr, &at, size));
    OPENSSL_free(der);
  }
  bool is_ec() const { return std::string_view(GetParam()).starts_with("EC"); }

  crypto::EvpPkey key, software;
};
INSTANTIATE_TEST_SUITE_P(All, KeymgmtTest, kAllAlgorithms, algorithm_name);

TEST_P(KeymgmtTest, NumbersAndTextsAreThoseOfSoftware) {
  for (const EVP_PKEY* one : {key.get(), software.get()}) ASSERT_NE(one, nullptr);
  for (const char* name : {"n", "e", "qx", "qy"}) {
    const auto number = [name](const crypto::EvpPkey& of) {
      BIGNUM* out = nullptr;
      const bool told = EVP_PKEY_get_bn_param(of.get(), name, &out) == 1;
      const crypto::BnPtr owner(out);
      return told ? BN_num_bits(out) : -1;
    };
    EXPECT_EQ(number(key), number(software)) << name;
  }
  for (const char* name : {"group", "encoding", "point-format", "field-type", "default-digest"}) {
    const auto text = [name](const crypto::EvpPkey& of) {
      std::array<char, 64> out{};
      std::size_t size = 0;
      const bool told =
          EVP_PKEY_get_utf8_string_param(of.get(), name, out.data(), out.size(), &size) == 1;
      return told ? std::string(out.data(), size) : "untold";
    };
    EXPECT_EQ(text(key), text(software)) << name;
  }
  EXPECT_EQ(EVP_PKEY_get_ec_point_conv_form(key.get()),
            EVP_PKEY_get_ec_point_conv_form(software.get()));
  EXPECT_EQ(EVP_PKEY_get_field_type(key.get()), EVP_PKEY_get_field_type(software.get()));
  ERR_clear_error();
}

TEST_P(KeymgmtTest, TheEncodedPublicKeyIsThatOfSoftware) {
  const auto encoded = [](const crypto::EvpPkey& of) {
    unsigned char* octets = nullptr;
    const std::size_t size = EVP_PKEY_get1_encoded_public_key(of.get(), &octets);
    const Bytes out(octets, octets + size);
    OPENSSL_free(octets);
    return out;
  };
  EXPECT_EQ(encoded(key), encoded(software));
  EXPECT_EQ(encoded(key).empty(), !is_ec());
  ERR_clear_error();
}

/// An RSA key without numbers, which OpenSSL made of parameters that were none, crashed it.
TEST_P(KeymgmtTest, ParametersAreNoKey) {
  const std::unique_ptr<BIO, crypto::Free<BIO_free>> out(BIO_new(BIO_s_mem()));
  EVP_PKEY_print_params(out.get(), key.get(), 0, nullptr);
  const crypto::EvpPkey copy(EVP_PKEY_new());
  EXPECT_EQ(EVP_PKEY_copy_parameters(copy.get(), key.get()) == 1, is_ec());
  EXPECT_NE(EVP_PKEY_eq(copy.get(), key.get()), 1);
  EXPECT_EQ(EVP_PKEY_parameters_eq(copy.get(), key.get()) == 1, is_ec());
  unsigned char* der = nullptr;
  EXPECT_LE(i2d_PUBKEY(copy.get(), &der), 0);
  OPENSSL_free(der);
  ERR_clear_error();
}

TEST_P(KeymgmtTest, ParametersTakeAPublicKey) {
  if (!is_ec()) return;
  const crypto::EvpPkey copy(EVP_PKEY_new());
  ASSERT_EQ(EVP_PKEY_copy_parameters(copy.get(), key.get()), 1);
  unsigned char* octets = nullptr;
  const std::size_t size = EVP_PKEY_get1_encoded_public_key(software.get(), &octets);
  EXPECT_EQ(EVP_PKEY_set1_encoded_public_key(copy.get(), octets, size), 1);
  OPENSSL_free(octets);
  EXPECT_EQ(EVP_PKEY_eq(copy.get(), key.get()), 1);
}

}  // namespace
}  // namespace poolkey::provider
