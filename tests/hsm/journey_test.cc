// Keys on their way from the origin's token to the member's, and what they are when they arrive.
#include "crypto/openssl.h"
#include "hsm/key_pair.h"
#include "hsm/wrap.h"
#include "keys/possession.h"
#include "policy/attributes.h"
#include "support/matchers.h"
#include "support/raw_calls.h"
#include "support/sides.h"

namespace poolkey::test {
namespace {

class JourneyTest : public SidesTest, public testing::WithParamInterface<std::string> {};

TEST_P(JourneyTest, EndsInAReplicaThatSignsForTheSamePublicKey) {
  const PooledKey key = sides().generate(av_auth(GetParam()), "av@1");
  const Sealed sealed = sides().seal(key, sides().transport());
  const CK_OBJECT_HANDLE staged = sides().deliver(member, key, sealed);
  const CK_OBJECT_HANDLE replica =
      hsm::copy_object(member, staged, hsm::Template().set(CKA_TOKEN, true));
  const AttributeSet wanted = policy::replica_private(key.policy);
  EXPECT_EQ(hsm::differences(wanted, hsm::read_back(member, replica, wanted)), "");
  const Bytes message = to_bytes("signed by the member");
  const Bytes signature = keys::sign_with_object(member, replica, key.public_key, message);
  EXPECT_TRUE(key.public_key.verify("SHA256", message, signature));
  EXPECT_FALSE(key.public_key.verify("SHA256", to_bytes("another"), signature));
}

INSTANTIATE_TEST_SUITE_P(, JourneyTest,
                         testing::Values("RSA-2048", "RSA-3072", "RSA-4096", "EC-P-256",
                                         "EC-P-384"),
                         [](const auto& row) {
                           std::string out = row.param;
                           std::erase(out, '-');
                           return out;
                         });

class DeliveryTest : public SidesTest {
 protected:
  PooledKey key = sides().generate(av_auth("EC-P-256"), "av@1");
  Sealed sealed = sides().seal(key, sides().transport());
};

TEST_F(DeliveryTest, KeyThatSignsAsATokenObjectIsUnwrappedIntoTheToken) {
  const PooledKey strict = sides().generate(av_auth("EC-P-256", "token-object"), "strict@1");
  const Sealed blob = sides().seal(strict, sides().transport());
  const CK_OBJECT_HANDLE wrapping_key =
      hsm::unwrap_oaep(member, sides().transport_object(member), blob.oaep, hsm::OaepHash::kSha1,
                       hsm::wrapping_key_template(/*extractable=*/false));
  const CK_OBJECT_HANDLE replica =
      hsm::unwrap_kwp(member, wrapping_key, blob.kwp, Sides::replica_template(strict, true));
  EXPECT_EQ(hsm::read_bool(member, replica, CKA_TOKEN), true);
  EXPECT_EQ(hsm::read_bool(member, replica, CKA_MODIFIABLE), false);
  EXPECT_TRUE(keys::possesses(member, replica, strict.public_key));
}

TEST_F(DeliveryTest, ReplicaWithoutItsPublicObjectDoesNotTellAnEcKey) {
  const CK_OBJECT_HANDLE replica = sides().deliver(member, key, sealed);
  EXPECT_EQ(hsm::public_key_of(member, replica), std::nullopt);
}

TEST_F(DeliveryTest, EveryFlippedPartOfTheBlobIsRefused) {
  for (Bytes Sealed::*part : {&Sealed::oaep, &Sealed::kwp}) {
    Sealed bad = sealed;
    (bad.*part)[20] ^= 1;
    EXPECT_THROW(sides().deliver(member, key, bad), Error);
  }
}

TEST_F(DeliveryTest, CutBlobIsRefused) {
  Sealed bad = sealed;
  bad.kwp.resize(bad.kwp.size() - 8);
  EXPECT_THROW(sides().deliver(member, key, bad), Error);
}

TEST_F(DeliveryTest, BlobForAnotherTransportKeyIsRefused) {
  const crypto::EvpPkey other(EVP_RSA_gen(3072));
  const Sealed theirs = sides().seal(key, crypto::PublicKey::from_evp(other.get()));
  EXPECT_THROW(sides().deliver(member, key, theirs), Error);
}

TEST_F(DeliveryTest, OaepPartIsAsLongAsTheModulus) {
  EXPECT_EQ(sealed.oaep.size(), sides().transport().modulus().size());
}

TEST_F(DeliveryTest, SoftHsmOffersOaepWithSha1Only) {
  EXPECT_TRUE(hsm::offers(sides().member->module(), hsm::OaepHash::kSha1));
  EXPECT_FALSE(hsm::offers(sides().member->module(), hsm::OaepHash::kSha256));
  EXPECT_THAT(
      [&] {
        hsm::unwrap_oaep(member, sides().transport_object(member), sealed.oaep,
                         hsm::OaepHash::kSha256, hsm::wrapping_key_template(/*extractable=*/false));
      },
      ThrowsRv(CKR_ARGUMENTS_BAD));
}

TEST_F(DeliveryTest, SecondDeliveryMakesASecondObjectSoTheCallerMustLookFirst) {
  const CK_OBJECT_HANDLE first = sides().deliver(member, key, sealed);
  EXPECT_NE(sides().deliver(member, key, sealed), first);
}

}  // namespace
}  // namespace poolkey::test
