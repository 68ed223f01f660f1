// An origin and a member on real tokens, with a pool key and a ceremony as poolkey makes them.
// Called by: tests/attack, and the tests of hsm that carry a key from one side to the other.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "crypto/public_key.h"
#include "hsm/object.h"
#include "hsm/wrap.h"
#include "policy/policy.h"
#include "support/soft_token.h"

namespace poolkey::test {

/// The shipped av-auth policy, with another algorithm ("EC-P-256") or way of signing.
policy::Policy av_auth(const std::string& algorithm = "RSA-2048",
                       const std::string& signing = "session-copy");
/// The shipped policy of the origin's own keys, with another algorithm.
policy::Policy issuing_ca(const std::string& algorithm = "EC-P-384");

/// A pool key as it lies in a token: handles are per login, so it is looked for by its CKA_ID.
struct PooledKey {
  policy::Policy policy;
  crypto::PublicKey public_key;
  Bytes id;
  std::string label;
};

/// What the ceremony gives a member.
struct Sealed {
  Bytes oaep;
  Bytes kwp;
};

/// Two tokens, "origin" and "member", their users logged in; keys are made when first asked for.
class Sides {
 public:
  Sides();
  ~Sides();

  SoftToken soft;
  std::shared_ptr<hsm::Token> origin, member;

  /// The pool key of the whole suite: av-auth as shipped.
  const PooledKey& pool_key();
  /// One more pool key in the origin.
  PooledKey generate(const policy::Policy& policy, const std::string& label) const;
  /// The private object of a key in a token.
  static CK_OBJECT_HANDLE object(hsm::Session& session, const PooledKey& key);

  /// The member's transport key as enrolment makes it, and its object.
  const crypto::PublicKey& transport();
  CK_OBJECT_HANDLE transport_object(hsm::Session& session);

  /// The origin's keeper session, with its security officer logged in instead of its user.
  void become_security_officer();
  void become_user();

  /// The ceremony for `receiver`, step by step as pool::release does it.
  Sealed seal(const PooledKey& key, const crypto::PublicKey& receiver);
  /// The sealed pool key of the whole suite for its member.
  const Sealed& sealed();
  /// The replica's template at the member, as pool::deliver writes it.
  static hsm::Template replica_template(const PooledKey& key, bool in_token);
  /// Delivery as pool::receive does it, into a session object.
  CK_OBJECT_HANDLE deliver(hsm::Session& session, const PooledKey& key, const Sealed& sealed);

 private:
  struct Enrolment;
  std::optional<PooledKey> pool_key_;
  std::unique_ptr<Enrolment> enrolment_;
  std::optional<Sealed> sealed_;
};

/// Sides shared by a suite, because RSA keys take their time.
class SidesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { sides_ = new Sides; }
  static void TearDownTestSuite() {
    delete sides_;
    sides_ = nullptr;
  }
  static Sides& sides() { return *sides_; }
  static hsm::Session session_of(const std::shared_ptr<hsm::Token>& token) {
    return hsm::Session(token->shared_module(), token->info().slot);
  }

  /// The attacker's sessions; what he makes in them goes with them.
  hsm::Session origin = session_of(sides().origin);
  hsm::Session member = session_of(sides().member);

 private:
  static inline Sides* sides_ = nullptr;
};

}  // namespace poolkey::test
