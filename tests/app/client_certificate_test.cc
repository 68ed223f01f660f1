#include <gmock/gmock.h>

#include "app/origin.h"
#include "crypto/csr.h"
#include "pool/repository.h"
#include "requests/ca/client.h"
#include "requests/ca/revoke.h"
#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::IsEmpty;

crypto::PublicKey public_key(const EvpPkey& key) { return crypto::PublicKey::from_evp(key.get()); }

crypto::ParsedCsr request(const EvpPkey& key, const std::string& name) {
  return crypto::parse_csr(crypto::build_csr({.subject = {.common_name = name}}, key.get()));
}

class ClientCertificateTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { origin_ = new Origin; }
  static void TearDownTestSuite() {
    delete origin_;
    origin_ = nullptr;
  }
  static keys::Context& context() { return origin_->context(); }
  static FixedClock& clock() { return origin_->clock(); }
  static void enrol(const std::string& member, const EvpPkey& identity) {
    std::vector<MemberName> names{MemberName("edge1"), MemberName("edge2"), MemberName("edge3"),
                                  MemberName("edge4")};
    pool::define_pool(context().database, kPool, {"t.toml", "text"}, names, clock().now());
    pool::Member known{.name = MemberName(member)};
    known.enrolled = true;
    known.identity = public_key(identity);
    known.transport = public_key(ec_key());
    pool::set_enrolled(context().database, kPool, known, clock().now());
  }
  static ClientCertificate member(const std::string& name, Renewal renewal = Renewal::kWhenDue) {
    return member_certificate(context(), {}, kPool, MemberName(name), renewal);
  }
  static crypto::Certificate certificate(const ClientCertificate& made) {
    return crypto::Certificate::from_pem(made.issued.pem);
  }
  static void verifies(const ClientCertificate& made) {
    EXPECT_NO_THROW(crypto::verify_chain(certificate(made), made.chain,
                                         keys::origin_root(context().database), clock().now()));
  }

  static inline const PoolName kPool{"edge"};
  static inline Origin* origin_ = nullptr;
};

TEST_F(ClientCertificateTest, OfTheServiceHasItsNamesAndAddresses) {
  const EvpPkey key = ec_key();
  const std::vector<std::string> dns{"pool.contoso.net", "localhost"};
  const std::vector<std::string> ip{"127.0.0.1", "2001:db8::1"};
  const ClientCertificate made = service_certificate(context(), {}, dns, ip, public_key(key));
  verifies(made);
  const crypto::Certificate leaf = certificate(made);
  EXPECT_EQ(leaf.subject(), "CN=pool.contoso.net");
  EXPECT_EQ(leaf.alternative_names().dns, dns);
  EXPECT_EQ(leaf.alternative_names().ip, ip);
  EXPECT_TRUE(service_certificate(context(), {}, dns, ip, public_key(key)).already);
  EXPECT_THAT(leaf.extended_key_usage(), ElementsAre(crypto::kServerAuth));
  EXPECT_EQ(leaf.not_after() - leaf.not_before(), Days(90) - Duration(1));
  EXPECT_EQ(made.issued.profile, "service");
  EXPECT_THAT([&] { service_certificate(context(), {}, {}, {}, public_key(key)); },
              ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { service_certificate(context(), {}, dns, {"1.2.3"}, public_key(key)); },
              ThrowsErrc(Errc::kInvalidArgument, "no IP address"));
}

TEST_F(ClientCertificateTest, OfAMemberIsForItsIdentityKeyAndLastsUntilItsLastThird) {
  const EvpPkey identity = ec_key();
  enrol("edge1", identity);
  const std::int64_t before = origin_->audited("ca issue member");
  const ClientCertificate first = member("edge1");
  verifies(first);
  const crypto::Certificate leaf = certificate(first);
  EXPECT_EQ(leaf.subject(), "CN=edge/edge1");
  EXPECT_EQ(leaf.public_key(), public_key(identity));
  EXPECT_THAT(leaf.extended_key_usage(), ElementsAre(crypto::kClientAuth));
  EXPECT_EQ(first.issued.profile, "member");
  EXPECT_TRUE(member("edge1").already);
  EXPECT_EQ(origin_->audited("ca issue member"), before + 2) << "an intent and an outcome, once";

  const Time start = clock().now();
  clock().set(start + Days(20) - Duration(1));
  EXPECT_EQ(member("edge1").issued.serial, first.issued.serial);
  clock().set(start + Days(20));
  const ClientCertificate second = member("edge1");
  EXPECT_NE(second.issued.serial, first.issued.serial);
  EXPECT_NE(member("edge1", Renewal::kNow).issued.serial, second.issued.serial);
  clock().set(start);
  EXPECT_THAT([&] { member("edge4"); }, ThrowsErrc(Errc::kConflict, "not enrolled"));
  EXPECT_THAT([&] { member("edge9"); }, ThrowsErrc(Errc::kNotFound));
}

TEST_F(ClientCertificateTest, OneThatIsRevokedIsNotGivenAgain) {
  const EvpPkey identity = ec_key();
  enrol("edge2", identity);
  const ClientCertificate first = member("edge2");
  (void)revoke(context(), issued_certificate(context(), first.issued.serial),
               crypto::RevocationReason::kSuperseded);
  EXPECT_EQ(keys::find_issued(context().database, first.issued.serial)->state,
            keys::IssuedState::kRevoked);
  EXPECT_NE(member("edge2").issued.serial, first.issued.serial);
}

TEST_F(ClientCertificateTest, AKeyThatWasCompromisedOrIsOnHoldGetsNoOther) {
  using crypto::RevocationReason;
  const auto revoked = [](const ClientCertificate& made, RevocationReason reason) {
    (void)revoke(context(), issued_certificate(context(), made.issued.serial), reason);
  };
  const EvpPkey identity = ec_key();
  enrol("edge3", identity);
  const ClientCertificate members = member("edge3");
  revoked(members, RevocationReason::kCertificateHold);
  EXPECT_THAT([&] { member("edge3"); }, ThrowsErrc(Errc::kDenied, "on hold"));
  (void)unhold(context(), issued_certificate(context(), members.issued.serial));
  EXPECT_EQ(member("edge3").issued.serial, members.issued.serial);
  revoked(members, RevocationReason::kKeyCompromise);
  EXPECT_THAT([&] { member("edge3"); }, ThrowsErrc(Errc::kDenied, "was compromised"));

  const EvpPkey key = ec_key();
  revoked(client_certificate(context(), {}, "frank", request(key, "")),
          RevocationReason::kKeyCompromise);
  EXPECT_THAT([&] { check_client_request(context(), "frank", request(key, "")); },
              ThrowsErrc(Errc::kDenied, "was compromised"));
  EXPECT_NO_THROW(client_certificate(context(), {}, "frank", request(ec_key(), "")));
}

TEST_F(ClientCertificateTest, OfAPersonTakesTheKeyAndNothingElseOfTheRequest) {
  const EvpPkey key = rsa_key();
  crypto::CsrSpec spec{.subject = {.common_name = "alice", .organization = "Evil"},
                       .dns_sans = {"www.contoso.com"},
                       .extended_key_usage = {std::string(crypto::kServerAuth)}};
  const ClientCertificate made = client_certificate(
      context(), {}, "alice", crypto::parse_csr(crypto::build_csr(spec, key.get())));
  verifies(made);
  const crypto::Certificate leaf = certificate(made);
  EXPECT_EQ(leaf.subject(), "CN=alice");
  EXPECT_THAT(leaf.dns_sans(), IsEmpty());
  EXPECT_THAT(leaf.extended_key_usage(), ElementsAre(crypto::kClientAuth));
  EXPECT_EQ(made.issued.profile, "client");
  EXPECT_TRUE(client_certificate(context(), {}, "alice", request(key, "")).already);
}

TEST_F(ClientCertificateTest, RefusesAnothersNameKeyOrSignature) {
  const EvpPkey key = ec_key();
  (void)client_certificate(context(), {}, "bob", request(key, "bob"));
  EXPECT_THAT([&] { client_certificate(context(), {}, "carol", request(ec_key(), "bob")); },
              ThrowsErrc(Errc::kInvalidArgument, "not one for 'carol'"));
  EXPECT_THAT([&] { client_certificate(context(), {}, "carol", request(key, "carol")); },
              ThrowsErrc(Errc::kConflict, "another name"));
  crypto::ParsedCsr forged = request(ec_key(), "carol");
  forged.signature_valid = false;
  EXPECT_THAT([&] { client_certificate(context(), {}, "carol", forged); },
              ThrowsErrc(Errc::kInvalidArgument, "not signed by the key inside"));
  EXPECT_THAT([&] { client_certificate(context(), {}, "carol", request(rsa_key(1024), "carol")); },
              ThrowsErrc(Errc::kDenied, "RSA-1024"));
  EXPECT_THAT(
      [&] { client_certificate(context(), {}, "carol", request(rsa_key(2048, 3), "carol")); },
      testing::Not(testing::Throws<std::exception>()))
      << "an unusual exponent is a warning only";
}

TEST_F(ClientCertificateTest, NeverOutlivesTheIssuingCaOrItsConfiguration) {
  CaConfig config;
  config.client_validity = Days(2);
  const ClientCertificate made =
      client_certificate(context(), config, "dave", request(ec_key(), ""));
  EXPECT_EQ(made.issued.not_after - made.issued.not_before, Days(2) - Duration(1));
  const Time start = clock().now();
  const Time end = keys::issuing_ca(context().database).certificate.not_after();
  clock().set(end - Days(1));
  EXPECT_EQ(client_certificate(context(), config, "erin", request(ec_key(), "")).issued.not_after,
            end);
  clock().set(start);
}

}  // namespace
}  // namespace poolkey::requests
