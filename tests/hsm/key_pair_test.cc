#include "hsm/key_pair.h"

#include "hsm/object.h"
#include "keys/possession.h"
#include "policy/attributes.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::hsm {
namespace {

namespace fs = std::filesystem;
using test::SoftToken;
using test::ThrowsErrc;

KeyPairSpec spec_for(const policy::Policy& policy) {
  KeyPairSpec spec;
  spec.algorithm = policy.algorithm_name();
  spec.private_attributes = policy::origin_private(policy);
  spec.public_attributes = policy::origin_public(policy);
  spec.label = "key@1";
  spec.id = {0x01, 0x02};
  return spec;
}

std::size_t count(Session& session, bool in_token) {
  return find_objects(session, Template().set(CKA_TOKEN, in_token)).size();
}

/// Files of objects below the token directory, whoever can see the objects.
std::size_t object_files(const SoftToken& soft) {
  std::size_t out = 0;
  for (const auto& entry : fs::recursive_directory_iterator(soft.folder() / "tokens"))
    out += entry.path().extension() == ".object" && entry.path().filename() != "token.object";
  return out;
}

struct Birth {
  std::string algorithm;
  bool exportable;  ///< av-auth, copied to the token; else issuing-ca, made in the token
  friend void PrintTo(const Birth& b, std::ostream* out) { *out << b.algorithm; }
};

class BirthTest : public testing::TestWithParam<Birth> {};

TEST_P(BirthTest, GivesThePairItsAttributesOnceAndForGood) {
  const Birth& birth = GetParam();
  const SoftToken soft;
  const KeyPairSpec spec = spec_for(birth.exportable ? test::av_auth(birth.algorithm)
                                                     : test::issuing_ca(birth.algorithm));
  ASSERT_EQ(can_be_copied(spec.private_attributes), birth.exportable);
  const crypto::PublicKey made = generate_key_pair(*soft.login(), spec);
  EXPECT_EQ(made.algorithm(), birth.algorithm);

  soft.module()->reload();  // what is not on disk is gone
  const auto token = soft.login();
  const Lease lease = token->lease();
  const auto key = find_private_key(*lease, made, spec.id);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->label, spec.label);
  EXPECT_EQ(
      differences(spec.private_attributes, read_back(*lease, key->handle, spec.private_attributes)),
      "");
  EXPECT_TRUE(keys::possesses(*lease, key->handle, made));
  EXPECT_EQ(count(*lease, true), 2U);
  EXPECT_EQ(object_files(soft), 2U);
}

INSTANTIATE_TEST_SUITE_P(, BirthTest,
                         testing::Values(Birth{"RSA-2048", true}, Birth{"RSA-3072", true},
                                         Birth{"RSA-4096", true}, Birth{"EC-P-256", true},
                                         Birth{"EC-P-384", true}, Birth{"RSA-2048", false},
                                         Birth{"RSA-3072", false}, Birth{"RSA-4096", false},
                                         Birth{"EC-P-256", false}, Birth{"EC-P-384", false}),
                         [](const auto& row) {
                           std::string out = row.param.algorithm +
                                             (row.param.exportable ? "AvAuth" : "IssuingCa");
                           std::erase(out, '-');
                           return out;
                         });

class KeyPairTest : public testing::Test {
 protected:
  SoftToken soft;
  std::shared_ptr<Token> token = soft.login();
  KeyPairSpec copied = spec_for(test::av_auth("EC-P-256"));
  KeyPairSpec direct = spec_for(test::issuing_ca("EC-P-256"));
};

TEST_F(KeyPairTest, CopyingLeavesNoSessionObjects) {
  generate_key_pair(*token, copied);
  EXPECT_EQ(count(token->keeper(), false), 0U);
  EXPECT_EQ(count(token->keeper(), true), 2U);
}

/// A template that SoftHSM takes and does not give back: it keeps mechanisms as a set.
void ask_for_what_is_not_given(KeyPairSpec& spec) {
  for (NamedAttribute& a : spec.private_attributes)
    if (a.name == "CKA_ALLOWED_MECHANISMS")
      a.value = std::vector<std::string>{"CKM_ECDSA", "CKM_ECDSA"};
}

TEST_F(KeyPairTest, PairThatDiffersFromItsPolicyIsDestroyedAndTheAttributeNamed) {
  for (KeyPairSpec* spec : {&copied, &direct}) {
    ask_for_what_is_not_given(*spec);
    EXPECT_THAT([&] { generate_key_pair(*token, *spec); },
                ThrowsErrc(Errc::kConflict, "CKA_ALLOWED_MECHANISMS"));
    EXPECT_EQ(count(token->keeper(), true), 0U);
    EXPECT_EQ(count(token->keeper(), false), 0U);
    EXPECT_EQ(object_files(soft), 0U);
  }
}

TEST_F(KeyPairTest, RefusedAttributeLeavesNothingBehind) {
  copied.private_attributes.insert(copied.private_attributes.begin(),
                                   {"CKA_ALWAYS_SENSITIVE", true});
  EXPECT_THAT([&] { generate_key_pair(*token, copied); }, test::ThrowsRv(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_EQ(count(token->keeper(), true), 0U);
  EXPECT_EQ(object_files(soft), 0U);
}

// SoftHSM keeps the file of a token object that it refused to make. Nobody finds an object in it.
TEST_F(KeyPairTest, RefusedTokenObjectLeavesAnOrphanFileThatIsNoObject) {
  direct.private_attributes.insert(direct.private_attributes.begin(),
                                   {"CKA_ALWAYS_SENSITIVE", true});
  EXPECT_THAT([&] { generate_key_pair(*token, direct); }, test::ThrowsRv(CKR_ATTRIBUTE_READ_ONLY));
  EXPECT_EQ(count(token->keeper(), true), 0U);
  EXPECT_GT(object_files(soft), 0U);
}

TEST_F(KeyPairTest, UnknownAlgorithmIsUnsupported) {
  for (const char* algorithm : {"RSA-1024", "RSA-2049", "EC-secp256k1", "Ed448", ""}) {
    copied.algorithm = algorithm;
    EXPECT_THAT([&] { generate_key_pair(*token, copied); }, ThrowsErrc(Errc::kUnsupported));
  }
}

TEST_F(KeyPairTest, DestroyByIdTakesThatPairAndNoOther) {
  const crypto::PublicKey kept = generate_key_pair(*token, direct);
  copied.id = {0x09};
  generate_key_pair(*token, copied);
  EXPECT_EQ(destroy_by_id(*token, copied.id), 2U);
  EXPECT_EQ(destroy_by_id(*token, copied.id), 0U);
  EXPECT_EQ(destroy_by_id(*token, {}), 0U);
  EXPECT_TRUE(find_private_key(token->keeper(), kept).has_value());
}

TEST_F(KeyPairTest, KeyIsFoundByItsPublicKeyThoughTheIdOnRecordIsAnother) {
  const crypto::PublicKey made = generate_key_pair(*token, direct);
  EXPECT_EQ(find_private_key(token->keeper(), made, Bytes{0x77})->id, direct.id);
}

TEST_F(KeyPairTest, EcKeyIsFoundByItsPointThoughTheIdOnRecordIsAnother) {
  KeyPairSpec spec = spec_for(test::av_auth("EC-P-256"));
  const crypto::PublicKey made = generate_key_pair(*token, spec);
  spec.id = {0x03, 0x04};
  const crypto::PublicKey other = generate_key_pair(*token, spec);
  const Lease lease = token->lease();
  EXPECT_EQ(find_private_key(*lease, made, Bytes{0x09})->id, (Bytes{0x01, 0x02}));
  EXPECT_EQ(find_private_key(*lease, other)->id, (Bytes{0x03, 0x04}));
}

TEST_F(KeyPairTest, AnotherKeyUnderTheSameIdIsNotTakenForIt) {
  const crypto::PublicKey gone = generate_key_pair(*token, direct);
  destroy_by_id(*token, direct.id);
  generate_key_pair(*token, direct);
  EXPECT_EQ(find_private_key(token->keeper(), gone, direct.id), std::nullopt);
}

TEST_F(KeyPairTest, PublicObjectBesideAKeyHoldsThatKey) {
  const crypto::PublicKey made = generate_key_pair(*token, direct);
  const CK_OBJECT_HANDLE object =
      create_public_object(token->keeper(), made, direct.public_attributes, "twin", Bytes{0x05});
  EXPECT_EQ(public_key_of(token->keeper(), object), made);
}

}  // namespace
}  // namespace poolkey::hsm
