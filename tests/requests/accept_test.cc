#include "requests/accept.h"

#include "requests/issue.h"
#include "tests/crypto/software.h"
#include "tests/requests/fixture.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Time kNow = at("2026-11-22T08:00:00Z");
constexpr Days kPolicy{199};

/// Topology to certificate, as the product goes: names, request, CA.
class AcceptTest : public testing::Test {
 protected:
  RequestedNames names = names_for(edge_topology(), PoolName("edge"), Role::kEdgeExternal);
  Identity root = make_root("Contoso Root");
  Identity issuing = make_under(root, ca_spec("Contoso Issuing CA"));
  EvpPkey key = rsa_key();
  crypto::PublicKey ours = crypto::PublicKey::from_evp(key.get());

  crypto::CertificateSpec good() const {
    crypto::CsrSpec spec;
    spec.subject.common_name = names.common_name.name;
    spec.dns_sans = names.dns_sans();
    IssueProfile profile;
    profile.max_validity = kPolicy;
    profile.extended_key_usage = {std::string(crypto::kServerAuth)};
    profile.key_usage = {crypto::KeyUsage::kDigitalSignature};
    return certificate_spec(crypto::parse_csr(crypto::build_csr(spec, key.get())), profile,
                            issuing.certificate.not_after(), kNow);
  }

  crypto::Certificate made(const crypto::CertificateSpec& spec) const {
    return crypto::Certificate::from_der(issue(spec, ours, issuing.certificate, issuing.key.get()));
  }

  Expected expected() const {
    Expected out{ours, names};
    out.max_validity = kPolicy;
    out.roots = {root.certificate};
    out.intermediates = {issuing.certificate};
    return out;
  }

  std::vector<std::string> faults(const crypto::CertificateSpec& spec, Time now = kNow) const {
    return check_certificate(made(spec), expected(), now).faults;
  }

  template <class Change>
  std::vector<std::string> faults_after(Change change) const {
    crypto::CertificateSpec spec = good();
    change(spec);
    return faults(spec);
  }
};

TEST_F(AcceptTest, TakesWhatWasAskedFor) {
  EXPECT_THAT(faults(good()), IsEmpty());
  EXPECT_THAT(faults_after([](auto& s) { std::ranges::reverse(s.dns_sans); }), IsEmpty());
  EXPECT_THAT(faults_after([](auto& s) { s.dns_sans[0] = "SIP.contoso.com"; }), IsEmpty());
  EXPECT_THAT(faults_after([](auto& s) { s.subject.common_name.clear(); }), IsEmpty());
}

TEST_F(AcceptTest, IsAcceptedByTheOpensslCommand) {
  const TemporaryFolder folder;
  const std::string leaf = folder.file("leaf.pem", made(good()).pem());
  const auto verified = openssl(
      "verify -x509_strict -purpose sslserver -verify_hostname webcon.contoso.com -attime " +
      std::to_string(kNow.time_since_epoch().count()) + " -CAfile " +
      folder.file("root.pem", root.certificate.pem()) + " -untrusted " +
      folder.file("issuing.pem", issuing.certificate.pem()) + " " + leaf);
  EXPECT_EQ(verified.status, 0) << verified.output;
  EXPECT_THAT(openssl("x509 -noout -text -in " + leaf).output,
              HasSubstr("DNS:sip.contoso.com, DNS:webcon.contoso.com, DNS:sip.fabrikam.com"));
}

TEST_F(AcceptTest, RefusesAnotherKeyOrChain) {
  Expected other = expected();
  other.key = crypto::PublicKey::from_evp(ec_key().get());
  EXPECT_THAT(check_certificate(made(good()), other, kNow).faults,
              ElementsAre(HasSubstr("is not ours")));
  Expected no_chain = expected();
  no_chain.intermediates.clear();
  EXPECT_THAT(
      check_certificate(made(good()), no_chain, kNow).faults,
      ElementsAre(AllOf(HasSubstr("does not chain"), HasSubstr("CN=Contoso Issuing CA')"))));
  Expected stranger = expected();
  stranger.roots = {make_root("Contoso Root").certificate};
  EXPECT_THAT(check_certificate(made(good()), stranger, kNow).faults,
              ElementsAre(HasSubstr("does not chain")));
}

TEST_F(AcceptTest, BuildsTheChainFromWhateverThereIs) {
  Expected all = expected();
  all.intermediates = {make_root("Contoso Root").certificate, root.certificate,
                       make_under(root, ca_spec("Contoso Issuing CA")).certificate,
                       issuing.certificate};
  const Acceptance found = check_certificate(made(good()), all, kNow);
  EXPECT_THAT(found.faults, IsEmpty());
  EXPECT_THAT(found.chain, ElementsAre(issuing.certificate, root.certificate));
}

/// A list of `by` with this serial on it.
crypto::Crl list(const Identity& by, const std::string& serial, Time next) {
  crypto::CrlSpec spec;
  spec.number = 1;
  spec.this_update = kNow - Days(1);
  spec.next_update = next;
  spec.revoked = {{serial, {kNow - Days(1), crypto::RevocationReason::kKeyCompromise}}};
  return crypto::Crl::from_der(crypto::issue_crl(spec, by.certificate, by.key.get()));
}

TEST_F(AcceptTest, RefusesWhatIsRevoked) {
  const crypto::Certificate leaf = made(good());
  Expected with = expected();
  EXPECT_THAT(check_certificate(leaf, with, kNow).remarks,
              Contains(HasSubstr("whether it is revoked is not known")));
  with.crls = {list(issuing, leaf.serial(), kNow + Days(1))};
  EXPECT_THAT(check_certificate(leaf, with, kNow).faults,
              ElementsAre("it was revoked at 2026-11-21T08:00:00Z (keyCompromise)"));
  with.crls = {list(root, issuing.certificate.serial(), kNow + Days(1))};
  EXPECT_THAT(check_certificate(leaf, with, kNow).faults,
              ElementsAre(HasSubstr("its issuer 'Contoso Issuing CA' was revoked")));
  // Of another CA of that name, and one that is too old to say yes by.
  with.crls = {list(make_under(root, ca_spec("Contoso Issuing CA")), leaf.serial(), kNow)};
  EXPECT_THAT(check_certificate(leaf, with, kNow).faults, IsEmpty());
  with.crls = {list(issuing, "01", kNow - Duration(1))};
  EXPECT_THAT(check_certificate(leaf, with, kNow).remarks, Contains(HasSubstr("ended at")));
}

TEST_F(AcceptTest, HoldsItToItsOwnLint) {
  Expected strict = expected();
  strict.profiles = {Profile::kLync};
  EXPECT_THAT(check_certificate(made(good()), strict, kNow).faults,
              ElementsAre(HasSubstr("certificate.no-cdp")));
}

TEST_F(AcceptTest, RefusesOtherNames) {
  EXPECT_THAT(faults_after([](auto& s) { s.dns_sans.pop_back(); }),
              ElementsAre("it lacks the names 'sip.fabrikam.com'"));
  EXPECT_THAT(faults_after([](auto& s) { s.dns_sans.emplace_back("www.contoso.com"); }), IsEmpty());
  crypto::CertificateSpec more = good();
  more.dns_sans.emplace_back("www.contoso.com");
  EXPECT_THAT(check_certificate(made(more), expected(), kNow).remarks,
              Contains("it has names that were not asked for: 'www.contoso.com'"));
  EXPECT_THAT(faults_after([](auto& s) { s.subject.common_name = "webcon.contoso.com"; }),
              ElementsAre(HasSubstr("common name is 'webcon.contoso.com'")));
}

TEST_F(AcceptTest, LetsACaRepeatTheInternalNameOnly) {
  names = names_for(edge_topology(), PoolName("edge"), Role::kEdgeInternal);
  EXPECT_THAT(faults(good()), IsEmpty());
  EXPECT_THAT(faults_after([](auto& s) { s.dns_sans = {"lsedge.contoso.net"}; }), IsEmpty());
  EXPECT_THAT(faults_after([](auto& s) {
                s.subject.common_name.clear();
                s.dns_sans = {"lsedge.contoso.net"};
              }),
              ElementsAre(HasSubstr("common name")));
}

TEST_F(AcceptTest, RefusesOtherDates) {
  EXPECT_THAT(faults_after([](auto& s) { s.not_after += Duration(1); }),
              ElementsAre(HasSubstr("policy allows 17193600")));
  EXPECT_THAT(faults(good(), kNow - Duration(1)), ElementsAre(HasSubstr("not valid before")));
  EXPECT_THAT(faults(good(), kNow + kPolicy), ElementsAre(HasSubstr("it ended at")));
  // OpenSSL counts the last second as over.
  EXPECT_THAT(faults(good(), kNow + kPolicy - Duration(2)), IsEmpty());
}

TEST_F(AcceptTest, RefusesAnIssuerThatHasEnded) {
  crypto::CertificateSpec ended = ca_spec("Ended CA");
  ended.not_after = kNow + Days(1);
  issuing = make_under(root, ended);
  crypto::CertificateSpec spec = good();
  spec.not_after = kNow + Days(30);
  EXPECT_THAT(faults(spec, kNow + Days(2)), ElementsAre(HasSubstr("expired")));
}

TEST_F(AcceptTest, RefusesOtherUsages) {
  EXPECT_THAT(faults_after([](auto& s) { s.extended_key_usage = {}; }),
              ElementsAre(HasSubstr("serverAuth")));
  EXPECT_THAT(faults_after([](auto& s) {
                s.is_ca = true;
                s.key_usage = {crypto::KeyUsage::kKeyCertSign};
              }),
              Contains("it is a CA certificate"));
}

TEST_F(AcceptTest, NamesEveryFaultAtOnce) {
  crypto::CertificateSpec spec = good();
  spec.dns_sans = {"www.contoso.com"};
  spec.extended_key_usage.clear();
  const Identity stranger = make_root("Stranger");
  Expected other{stranger.certificate.public_key(), names};
  other.max_validity = kPolicy;
  other.roots = {stranger.certificate};
  EXPECT_EQ(check_certificate(made(spec), other, kNow + kPolicy).faults.size(), 5U);
}

}  // namespace
}  // namespace poolkey::requests
