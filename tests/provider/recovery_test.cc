// Session copies, dead handles, and that no other key ever signs in a key's place.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "crypto/signature.h"
#include "fixture.h"
#include "home/statement.h"
#include "hsm/object.h"
#include "provider/in_use.h"
#include "provider/lookup.h"

namespace poolkey::provider {
namespace {

using test::ThrowsErrc;

class RecoveryTest : public testing::Test, public BuiltinFixture {
 protected:
  Bytes sign(EVP_PKEY* key) const {
    return crypto::sign(key, "SHA256", view("m"), builtin.context());
  }
  void destroy_private_objects() const {
    const hsm::Lease lease = token->lease();
    hsm::Template wanted;
    wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY});
    for (const auto object : hsm::find_objects(*lease, std::move(wanted)))
      hsm::destroy_object(*lease, object);
  }
};

TEST_F(RecoveryTest, OneSessionCopyIsMadeWithTheSecondSignatureAndGoesWithTheKey) {
  make_key("EC-P-256", "k");
  crypto::EvpPkey one = load("k"), two = load("k");
  sign(one.get());
  EXPECT_TRUE(session_copies().empty());
  sign(two.get());
  EXPECT_EQ(session_copies().size(), 1U);
  one.reset();
  sign(two.get());
  EXPECT_EQ(session_copies().size(), 1U);
  two.reset();
  EXPECT_TRUE(session_copies().empty());
}

TEST_F(RecoveryTest, AKeyThatMayNotBeCopiedSignsAsTokenObject) {
  const crypto::PublicKey made = make_key("EC-P-256", "k", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  EXPECT_TRUE(made.verify("SHA256", view("m"), sign(key.get())));
  EXPECT_TRUE(session_copies().empty());
}

TEST_F(RecoveryTest, ACopyThatDiedIsMadeAnew) {
  const crypto::PublicKey made = make_key("RSA-2048", "k");
  const crypto::EvpPkey key = load("k");
  const auto sign_twice = [&] {
    sign(key.get());
    return sign(key.get());
  };
  sign_twice();
  const auto before = session_copies();
  ASSERT_EQ(before.size(), 1U);
  hsm::destroy_object(*token->lease(), before.front());
  EXPECT_TRUE(made.verify("SHA256", view("m"), sign_twice()));
  EXPECT_EQ(session_copies().size(), 1U);
}

TEST_F(RecoveryTest, AnotherKeyUnderTheSameLabelAndIdNeverSigns) {
  make_key("EC-P-256", "k", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  sign(key.get());
  hsm::destroy_by_id(*token, view("k"));
  const crypto::PublicKey other = make_key("EC-P-256", "k", Signing::kTokenObject);
  EXPECT_THAT([&] { sign(key.get()); },
              ThrowsErrc(Errc::kNotFound, "another key has taken its place"));
  EXPECT_EQ(crypto::PublicKey::from_evp(load("k").get()), other);
}

TEST_F(RecoveryTest, AKeyThatIsGoneIsNotFound) {
  make_key("RSA-2048", "k", Signing::kTokenObject);
  const crypto::EvpPkey key = load("k");
  destroy_private_objects();
  EXPECT_THAT([&] { sign(key.get()); }, ThrowsErrc(Errc::kNotFound, "has gone from token"));
}

TEST_F(RecoveryTest, AnEcKeyWithoutItsPublicObjectIsRefusedWithTheReason) {
  make_key("EC-P-256", "k");
  {
    const hsm::Lease lease = token->lease();
    hsm::Template wanted;
    wanted.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY});
    for (const auto object : hsm::find_objects(*lease, std::move(wanted)))
      hsm::destroy_object(*lease, object);
  }
  EXPECT_THAT([&] { load("k"); }, ThrowsErrc(Errc::kUnsupported, "no public key object"));
}

TEST_F(RecoveryTest, AnIdSharedByPairsOfDifferentKindsIsTold) {
  const crypto::PublicKey rsa = make_key("RSA-2048", "r", Signing::kSessionCopy, "same");
  const crypto::PublicKey small = make_key("EC-P-256", "s", Signing::kSessionCopy, "same");
  const crypto::PublicKey large = make_key("EC-P-384", "l", Signing::kSessionCopy, "same");
  EXPECT_EQ(crypto::PublicKey::from_evp(load("r").get()), rsa);
  EXPECT_EQ(crypto::PublicKey::from_evp(load("s").get()), small);
  EXPECT_EQ(crypto::PublicKey::from_evp(load("l").get()), large);
  const auto by_id = [&](const std::string& more) {
    return builtin.load_private_key("pkcs11:token=test;id=same;type=private" + more);
  };
  EXPECT_EQ(crypto::PublicKey::from_evp(by_id(";object=s").get()), small);
  EXPECT_THAT([&] { by_id(""); }, ThrowsErrc(Errc::kConflict, "3 different private keys"));
}

TEST_F(RecoveryTest, OfTwoPublicKeysWithAPrivateKeysIdNoneIsGuessed) {
  const crypto::PublicKey made = make_key("EC-P-256", "k");
  make_key("EC-P-256", "other", Signing::kSessionCopy, "k");
  const hsm::Lease lease = token->lease();
  hsm::Template wanted;
  wanted.set(CKA_CLASS, CK_ULONG{CKO_PRIVATE_KEY}).set(CKA_LABEL, "other");
  hsm::destroy_object(*lease, hsm::find_objects(*lease, std::move(wanted)).at(0));
  const auto uris = {"pkcs11:token=test;object=k;type=private",
                     "pkcs11:token=test;id=k;type=private"};
  for (const char* uri : uris)  // the one with the label, too
    EXPECT_EQ(crypto::PublicKey::from_evp(builtin.load_private_key(uri).get()), made) << uri;
  hsm::Template twin;
  twin.set(CKA_CLASS, CK_ULONG{CKO_PUBLIC_KEY}).set(CKA_LABEL, "k");
  const auto own = hsm::find_objects(*lease, std::move(twin)).at(0);
  hsm::Template renamed;
  renamed.set(CKA_LABEL, "x");
  ASSERT_EQ(lease->fn().C_SetAttributeValue(lease->handle(), own, renamed.data(), renamed.count()),
            CKR_OK);
  for (const char* uri : uris)
    EXPECT_THAT([&] { builtin.load_private_key(uri); },
                ThrowsErrc(Errc::kUnsupported, "no public key object"))
        << uri;
}

/// The last owner of a replica may be who looks through all of them for another.
TEST_F(RecoveryTest, AKeyMayGoWhileAnotherIsLookedFor) {
  make_key("EC-P-256", "one");
  make_key("EC-P-256", "other");
  Tokens tokens(token);
  const auto part_of = [&](const std::string& label) {
    const auto found = look_up(tokens, hsm::parse_uri(uri(label)), Expected::kPrivateKey, nullptr);
    return found.front().key->part;
  };
  const PublicPart one = part_of("one"), other = part_of("other");
  const auto all = tokens.matching(hsm::parse_uri(uri("one"))).front();
  std::atomic<bool> ended = false;
  std::jthread looks([&] {
    while (!ended) all->replica(other, to_bytes("other"), "other");
  });
  for (int i = 0; i < 2000; ++i) {
    const auto replica = all->replica(one, to_bytes("one"), "one");
    const auto nothing = [](hsm::Session&, CK_OBJECT_HANDLE) { return true; };
    for (int uses = 0; uses < 2; ++uses)  // with the second one there is a copy
      replica->use({.act = nothing, .proof = nothing}, Rung::kFind, tokens.deadline());
  }
  ended = true;
  looks.join();
  EXPECT_TRUE(session_copies().empty());
}

TEST(InUseTest, ADescriptorThatIsAnotherFilesByNowStaysOpen) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("poolkey-in-use-" + std::to_string(::getpid()));
  const auto file = home::in_use_file(folder, view("id"));
  std::filesystem::create_directories(file.parent_path());
  write_file(file, std::string_view(""));
  const int free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::close(free);
  InUse use = declare_use(folder, view("id"));
  ASSERT_NE(use, nullptr);
  ::close(free);  // as a daemon does with all that it does not know
  const int others = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(others, free);
  use.reset();
  EXPECT_GE(::fcntl(others, F_GETFD), 0);
  ::close(others);
  use = declare_use(folder, view("id"));
  use.reset();
  EXPECT_LT(::fcntl(free, F_GETFD), 0) << "its own is closed";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace poolkey::provider
