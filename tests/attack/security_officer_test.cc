// Whoever has the origin's SO PIN. SoftHSM refuses him nothing that matters: that is what these
// tests say, so that nobody takes the ceremony's two PINs for dual control.
#include "attack/stolen_key.h"
#include "crypto/signature.h"
#include "support/matchers.h"
#include "support/raw_calls.h"

namespace poolkey::test {
namespace {

using hsm::Template;

/// Sides of each test's own: the attack leaves the token with another PIN.
class SecurityOfficerTest : public testing::Test {
 protected:
  Sides sides;
  hsm::Session& origin = sides.origin->keeper();
};

TEST_F(SecurityOfficerTest, PoolKeyIsNotEvenSeenBeforeAUserPinIsSet) {
  const PooledKey& key = sides.pool_key();
  sides.become_security_officer();
  EXPECT_TRUE(
      hsm::find_objects(
          origin,
          hsm::Template().set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}).set(CKA_ID, ByteView(key.id)))
          .empty());
  sides.become_user();
}

TEST_F(SecurityOfficerTest, NotRefusedSoPinAloneTakesThePoolKey) {
  const PooledKey& key = sides.pool_key();
  const crypto::EvpPkey stolen = steal_by_security_officer(sides, key);
  EXPECT_EQ(crypto::PublicKey::from_evp(stolen.get()), key.public_key);
  const Bytes message = to_bytes("signed outside of every token");
  EXPECT_TRUE(
      key.public_key.verify("SHA256", message, crypto::sign(stolen.get(), "SHA256", message)));
}

// The attack cannot be hidden from the user: his PIN no longer works.
TEST_F(SecurityOfficerTest, TheUsersPinNoLongerWorksAfterwards) {
  steal_by_security_officer(sides, sides.pool_key());
  sides.origin->logout();
  EXPECT_THAT(raw_login(origin, CKU_USER, sides.soft.user_pin()), RvIs(CKR_PIN_INCORRECT));
  EXPECT_THAT(raw_login(origin, CKU_USER, kAttackersPin), RvIs(CKR_OK));
}

TEST_F(SecurityOfficerTest, KeyThatMayNotBeExportedIsNotTaken) {
  const PooledKey own = sides.generate(issuing_ca(), "issuing-ca@1");
  EXPECT_THAT([&] { steal_by_security_officer(sides, own); }, ThrowsRv(CKR_KEY_UNEXTRACTABLE));
}

}  // namespace
}  // namespace poolkey::test
