// The linter on certificates: issued by a CA of the test's own, or made by openssl.
#include "requests/validity.h"
#include "tests/requests/lint_subjects.h"
#include "tests/support/matchers.h"

namespace poolkey::requests {
namespace {

using namespace test;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const Time kFrom = at("2026-11-20T00:00:00Z");

class LintCertificateTest : public testing::Test {
 protected:
  Identity root = make_root("Contoso Root");
  crypto::PublicKey key = good().public_key;

  static crypto::CertificateSpec good_certificate() {
    crypto::CertificateSpec out;
    out.subject.common_name = "sip.contoso.com";
    out.dns_sans = good_spec().dns_sans;
    out.not_before = kFrom;
    out.not_after = kFrom + Days(199) - Duration(1);
    out.key_usage = good_spec().key_usage;
    out.extended_key_usage = good_spec().extended_key_usage;
    out.crl_distribution_points = {"http://pki.contoso.com/ca.crl"};
    out.ocsp = {"http://ocsp.contoso.com"};
    out.ca_issuers = {"http://pki.contoso.com/ca.crt"};
    return out;
  }

  template <class Change>
  LintSubject made(Change change) const {
    crypto::CertificateSpec spec = good_certificate();
    change(spec);
    return {crypto::Certificate::from_der(issue(spec, key, root.certificate, root.key.get())),
            edge_context(Role::kEdgeExternal)};
  }

  template <class Change>
  std::vector<std::string> found_in(Change change, Profile profile = Profile::kPublicBr,
                                    Time now = kNow) const {
    return found(made(change), profile, now);
  }

  /// The same certificate after OpenSSL's functions changed it, signed again.
  template <class Change>
  std::vector<std::string> found_in_x509(Change change, Profile profile = Profile::kPublicBr,
                                         EVP_PKEY* signer = nullptr,
                                         const EVP_MD* hash = EVP_sha256()) const {
    const LintSubject subject = made([](auto&) {});
    const X509Ptr x509(X509_dup(subject.certificate->x509()));
    change(x509.get());
    EXPECT_GT(X509_sign(x509.get(), signer != nullptr ? signer : root.key.get(), hash), 0);
    return found({crypto::Certificate::from_der(to_der<i2d_X509>(x509.get())), subject.pool},
                 profile);
  }
};

TEST_F(LintCertificateTest, FindsNothingInAGoodOne) {
  for (const Profile profile : {Profile::kPublicBr, Profile::kLync, Profile::kInternal})
    EXPECT_THAT(found_in([](auto&) {}, profile), IsEmpty()) << policy::word(profile);
}

TEST_F(LintCertificateTest, HoldsToWhatRequestsAreHeldTo) {
  EXPECT_THAT(found_in([](auto& s) { s.dns_sans.emplace_back("my_edge.contoso.com"); }),
              Contains("name.underscore=error"));
  EXPECT_THAT(found_in([](auto& s) { s.dns_sans.erase(s.dns_sans.begin()); }),
              Contains("cn.not-in-san=error"));
  EXPECT_THAT(found_in([](auto& s) { s.dns_sans.pop_back(); }, Profile::kLync),
              Contains("edge.name-missing=error"));
  EXPECT_THAT(found_in([](auto& s) { s.extended_key_usage = {std::string(crypto::kClientAuth)}; }),
              Contains("eku.no-server-auth=error"));
  EXPECT_THAT(found_in([](auto& s) { s.extended_key_usage.clear(); }),
              ElementsAre("eku.missing=error"));
  EXPECT_THAT(found_in([](auto& s) {
                s.is_ca = true;
                s.key_usage.insert(crypto::KeyUsage::kKeyCertSign);
              }),
              ElementsAre("ku.signs-certificates=error", "ca.requested=error"));
}

/// The day of issuance decides, not today.
TEST_F(LintCertificateTest, JudgesClientAuthByTheDayOfIssuance) {
  const auto both = [](Time from) {
    return [from](crypto::CertificateSpec& s) {
      s.extended_key_usage.emplace_back(crypto::kClientAuth);
      s.not_before = from;
      s.not_after = from + Days(90) - Duration(1);
    };
  };
  const Time later = at("2027-03-20T00:00:00Z");
  EXPECT_THAT(found_in(both(at("2027-03-14T23:59:59Z")), Profile::kPublicBr, later),
              ElementsAre("eku.client-auth=warn"));
  EXPECT_THAT(found_in(both(at("2027-03-15T00:00:00Z")), Profile::kPublicBr, later),
              ElementsAre("eku.client-auth-ended=error"));
}

TEST_F(LintCertificateTest, HoldsTheValidityVectors) {
  int run = 0;
  const json::value fixture = edge_fixture();
  for (const json::value& item :
       json::as_array(fixture.as_object(), "validity_vectors", "edge.json")) {
    const json::object& vector = item.as_object();
    const std::string day = json::text(vector, "not_before", "vector");
    const auto max = json::integer(vector, "max_days", "vector");
    SCOPED_TRACE(day);
    for (const char* hour : {"T00:00:00Z", "T23:59:59Z"}) {
      const Time from = at(day + hour);
      const ValidityLimit limit = validity_limit(from);
      EXPECT_EQ(limit.max_days, max);
      EXPECT_EQ(limit.advised_days, json::integer(vector, "advised_days", "vector"));
      const auto valid_for = [&](Duration length) {
        return found_in(
            [&](auto& s) {
              s.not_before = from;
              s.not_after = from + length - Duration(1);  // both ends count
            },
            Profile::kPublicBr, from);
      };
      EXPECT_THAT(valid_for(Days(max - 1)), IsEmpty());
      EXPECT_THAT(valid_for(Days(max - 1) + Duration(1)), ElementsAre("validity.advised=info"));
      EXPECT_THAT(valid_for(Days(max)), ElementsAre("validity.advised=info"));
      EXPECT_THAT(valid_for(Days(max) + Duration(1)), ElementsAre("validity.too-long=error"));
    }
    ++run;
  }
  EXPECT_EQ(run, 6);
}

TEST_F(LintCertificateTest, LooksAtDates) {
  const auto at_time = [&](Time now) { return found_in([](auto&) {}, Profile::kLync, now); };
  EXPECT_THAT(at_time(kFrom - Duration(1)), ElementsAre("validity.not-yet=warn"));
  EXPECT_THAT(at_time(kFrom + Days(199) - Duration(1)), IsEmpty());
  EXPECT_THAT(at_time(kFrom + Days(199)), ElementsAre("validity.expired=error"));
  EXPECT_THAT(
      found_in_x509([](X509* x) { X509_gmtime_adj(X509_getm_notAfter(x), -1'000'000'000); }),
      Contains("validity.backwards=error"));
}

TEST_F(LintCertificateTest, LooksAtSerials) {
  const auto with = [&](const std::string& digits) {
    return found_in_x509([&](X509* x) {
      BIGNUM* number = nullptr;
      BN_hex2bn(&number, digits.c_str());
      const BnPtr owner(number);
      const Asn1IntegerPtr serial(BN_to_ASN1_INTEGER(number, nullptr));
      X509_set_serialNumber(x, serial.get());
    });
  };
  EXPECT_THAT(with("0"), Contains("serial.invalid=error"));
  EXPECT_THAT(with("-7FFFFFFFFFFFFFFF"), Contains("serial.invalid=error"));
  EXPECT_THAT(with("7" + std::string(39, 'F')), IsEmpty());
  EXPECT_THAT(with("8" + std::string(39, '0')), ElementsAre("serial.invalid=error"));
  EXPECT_THAT(with("1" + std::string(40, '0')), ElementsAre("serial.invalid=error"));
  EXPECT_THAT(with("1000000000000000"), IsEmpty());
  EXPECT_THAT(with("FFFFFFFFFFFFFF"), ElementsAre("serial.small=error"));
}

TEST_F(LintCertificateTest, LooksAtSignatureAndVersion) {
  EXPECT_THAT(found_in_x509([](X509*) {}, Profile::kPublicBr, nullptr, EVP_sha1()),
              ElementsAre("certificate.sha1=error"));
  EXPECT_THAT(found_in_x509([](X509*) {}, Profile::kLync, nullptr, EVP_sha1()),
              ElementsAre("certificate.sha1=warn"));
  const EvpPkey pss = rsa_key(2048, 65537, "RSA-PSS");
  EXPECT_THAT(found_in_x509([](X509*) {}, Profile::kLync, pss.get()),
              ElementsAre("certificate.pss=error"));
  EXPECT_THAT(found_in_x509([](X509*) {}, Profile::kPublicBr, pss.get()), IsEmpty());
  const EvpPkey rsa = rsa_key();
  EXPECT_THAT(found_in_x509([](X509*) {}, Profile::kInternal, rsa.get(), EVP_md5()),
              ElementsAre("certificate.algorithm=error"));
  EXPECT_THAT(found_in_x509([](X509* x) {
                X509_set_version(x, X509_VERSION_1);
                while (X509_get_ext_count(x) > 0) X509_EXTENSION_free(X509_delete_ext(x, 0));
              }),
              Contains("certificate.version=error"));
}

TEST_F(LintCertificateTest, WantsPlacesToAskForRevocation) {
  const auto no_crl = [](auto& s) { s.crl_distribution_points.clear(); };
  EXPECT_THAT(found_in(no_crl, Profile::kLync), ElementsAre("certificate.no-cdp=error"));
  EXPECT_THAT(found_in(no_crl, Profile::kPublicBr), IsEmpty());
  const auto nothing = [](auto& s) {
    s.crl_distribution_points.clear();
    s.ocsp.clear();
    s.ca_issuers.clear();
  };
  EXPECT_THAT(found_in(nothing, Profile::kPublicBr),
              ElementsAre("certificate.no-revocation=error", "certificate.no-aia=error"));
  EXPECT_THAT(found_in(
                  [&](auto& s) {
                    nothing(s);
                    s.not_after = s.not_before + Days(7) - Duration(1);
                  },
                  Profile::kPublicBr),
              ElementsAre("certificate.no-aia=error"));
  EXPECT_THAT(
      found_in([](auto& s) { s.crl_distribution_points = {"ldap:///CN=ca"}; }, Profile::kLync),
      ElementsAre("certificate.cdp-not-http=warn"));
}

TEST_F(LintCertificateTest, RefusesWhatSignsItself) {
  const TemporaryFolder folder;
  const std::string pem = folder.path("self.pem");
  ASSERT_EQ(openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=sip.contoso.com -addext "
                    "subjectAltName=DNS:sip.contoso.com -days 90 -keyout /dev/null -out " +
                    pem)
                .status,
            0);
  const LintSubject subject = read_lint_subject(read_file(pem));
  ASSERT_TRUE(subject.certificate);
  EXPECT_THAT(found(subject, Profile::kLync, subject.certificate->not_before()),
              Contains("certificate.self-signed=error"));
}

TEST_F(LintCertificateTest, JudgesWhateverDecodes) {
  crypto::CsrSpec spec = good_spec();
  spec.subject = {.common_name = "sip.contoso.com", .organization = "Contoso", .country = "US"};
  int judged = 0;
  const auto judge = [&](const Bytes& file) {
    const LintSubject subject = read_lint_subject(to_text(file));
    for (const Profile profile : {Profile::kPublicBr, Profile::kLync, Profile::kInternal})
      for (const Finding& finding : lint(subject, profile, kNow))
        for (const char c : finding.message) ASSERT_TRUE(c >= ' ' && c < 0x7f);
    ++judged;
  };
  survive_mutations(crypto::build_csr(spec, rsa_key(1024).get()), judge);
  const Bytes certificate = make_under(root, good_certificate(), ec_key()).certificate.der();
  survive_mutations(certificate, judge);
  EXPECT_GT(judged, 500);
}

TEST_F(LintCertificateTest, TellsRequestsFromCertificates) {
  const crypto::ParsedCsr csr = good();
  const crypto::Certificate& certificate = root.certificate;
  EXPECT_FALSE(read_lint_subject(to_text(csr.der)).certificate);
  EXPECT_FALSE(read_lint_subject("some text\n" + crypto::csr_pem(csr.der)).certificate);
  EXPECT_EQ(read_lint_subject(to_text(certificate.der())).certificate, certificate);
  EXPECT_EQ(read_lint_subject(certificate.pem()).certificate, certificate);
  EXPECT_THAT([] { read_lint_subject(""); }, ThrowsErrc(Errc::kCorrupt, "it is empty"));
  EXPECT_THAT([] { read_lint_subject("-----BEGIN CERTIFICATE-----"); }, ThrowsErrc(Errc::kCorrupt));
  EXPECT_THAT([] { read_lint_subject("\x30\x03\x02\x01"); },
              ThrowsErrc(Errc::kCorrupt, "damaged at octet"));
}

}  // namespace
}  // namespace poolkey::requests
