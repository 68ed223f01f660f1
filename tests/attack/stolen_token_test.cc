// Whoever has a copy of the origin's token directory, and no PIN.
#include <openssl/core_names.h>

#include <algorithm>
#include <cstdlib>

#include "attack/stolen_key.h"
#include "base/file.h"
#include "support/matchers.h"
#include "support/raw_calls.h"

namespace poolkey::test {
namespace {

namespace fs = std::filesystem;

/// One of the numbers of an RSA private key, big-endian.
Bytes number(const crypto::EvpPkey& key, const char* name) {
  BIGNUM* n = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key.get(), name, &n), 1);
  const crypto::BnPtr owner(n);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(n)));
  BN_bn2bin(n, out.data());
  return out;
}

/// The files below `folder` that hold `needle`: as it is, back to front, or in hexadecimal.
std::vector<std::string> files_with(const fs::path& folder, const Bytes& needle) {
  const std::string forward = to_text(needle);
  const std::string forms[] = {forward, std::string(forward.rbegin(), forward.rend()), hex(needle)};
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string content = read_file(entry.path());
    if (std::ranges::any_of(forms, [&](const auto& f) { return content.find(f) != content.npos; }))
      out.push_back(entry.path().string());
  }
  return out;
}

class StolenTokenTest : public testing::Test {
 protected:
  /// The token's directory is copied, and the module now sees the copy only.
  StolenTokenTest() {
    sides.pool_key();
    sides.origin->logout();
    const fs::path stolen = sides.soft.folder() / "stolen";
    fs::copy(sides.soft.folder() / "tokens", stolen, fs::copy_options::recursive);
    write_file(stolen.string() + ".conf", "directories.tokendir = " + stolen.string() + "\n");
    ::setenv("SOFTHSM2_CONF", (stolen.string() + ".conf").c_str(), 1);
    sides.soft.module()->reload();
    token = hsm::Token::open(sides.soft.module(), {"origin", ""});
  }

  Sides sides;
  std::shared_ptr<hsm::Token> token;
};

TEST_F(StolenTokenTest, WrongPinOpensNothing) {
  EXPECT_THAT([&] { token->login(hsm::Role::kUser, Pin("0000")); }, ThrowsRv(CKR_PIN_INCORRECT));
  EXPECT_THAT([&] { token->login(hsm::Role::kSecurityOfficer, Pin("00000000")); },
              ThrowsRv(CKR_PIN_INCORRECT));
}

TEST_F(StolenTokenTest, PrivateKeysAreNotEvenListedWithoutThePin) {
  EXPECT_TRUE(
      hsm::find_objects(token->keeper(), hsm::Template().set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}))
          .empty());
}

TEST_F(StolenTokenTest, CopyIsWholeSoOnlyThePinIsMissing) {
  token->login(hsm::Role::kUser, Pin(sides.soft.user_pin()));
  EXPECT_EQ(hsm::find_private_keys(token->keeper(), {}).size(), 1U);
}

// What SoftHSM does NOT refuse: to be asked again. A stolen directory is as strong as its PIN.
TEST_F(StolenTokenTest, NotRefusedPinIsGuessedWithoutEnd) {
  for (int guess = 0; guess < 12; ++guess)
    EXPECT_THAT(raw_login(token->keeper(), CKU_USER, "000" + std::to_string(guess)),
                RvIs(CKR_PIN_INCORRECT));
  EXPECT_THAT(raw_login(token->keeper(), CKU_USER, sides.soft.user_pin()), RvIs(CKR_OK));
}

TEST(StolenTokenFilesTest, HoldNoPartOfThePrivateKeyInTheClear) {
  Sides sides;
  const PooledKey& key = sides.pool_key();
  sides.sealed();  // what a ceremony leaves is searched as well
  const fs::path folder = sides.soft.folder();
  // The search itself works: the modulus is public, and is found.
  EXPECT_FALSE(files_with(folder, key.public_key.modulus()).empty());
  const crypto::EvpPkey stolen = steal_by_security_officer(sides, key);
  for (const char* part : {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
                           OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_EXPONENT1,
                           OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1})
    EXPECT_THAT(files_with(folder, number(stolen, part)), testing::IsEmpty()) << part;
}

}  // namespace
}  // namespace poolkey::test
