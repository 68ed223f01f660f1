#include "crypto/key_reference.h"

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;

const KeyReference kReference{"pkcs11:token=edge1;id=%01;type=private", Bytes(32, 0x5a)};

Bytes der() { return pem_blocks(reference_pem(kReference), {kReferenceLabel}).front(); }

TEST(KeyReferenceTest, IsReadAsItWasWritten) {
  const KeyReference read = parse_reference(kReferenceLabel, der());
  EXPECT_EQ(read.uri, kReference.uri);
  EXPECT_EQ(read.fingerprint, kReference.fingerprint);
  EXPECT_THAT(reference_pem(kReference), testing::Not(testing::HasSubstr("PRIVATE")));
}

TEST(KeyReferenceTest, WhatCouldNotBeReadIsNotWritten) {
  for (const KeyReference& bad :
       {KeyReference{"pkcs11:a=b", {}}, KeyReference{"file:key.pem", Bytes(32)},
        KeyReference{"pkcs11:a=\n", Bytes(32)},
        KeyReference{"pkcs11:" + std::string(5000, 'a'), Bytes(32)}})
    EXPECT_THAT([&] { reference_pem(bad); }, ThrowsErrc(Errc::kInvalidArgument, "key reference"));
}

TEST(KeyReferenceTest, EveryMutationIsReadOrRefused) {
  survive_mutations(der(), [](const Bytes& bytes) { parse_reference(kReferenceLabel, bytes); });
}

}  // namespace
}  // namespace poolkey::crypto
