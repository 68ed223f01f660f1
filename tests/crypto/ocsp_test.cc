#include "crypto/ocsp.h"

#include "tests/crypto/software.h"
#include "tests/support/matchers.h"

namespace poolkey::crypto {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::Not;

const Time kNow = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());

CertificateSpec lasting(CertificateSpec out) {
  out.not_before = kNow - Days(1);
  out.not_after = kNow + Days(300);
  return out;
}

CertificateSpec responder_spec() {
  CertificateSpec out = lasting(spec("OCSP responder"));
  out.key_usage = {KeyUsage::kDigitalSignature};
  out.extended_key_usage = {std::string(kOcspSigning)};
  out.ocsp_no_check = true;
  return out;
}

Identity make_ca() {
  EvpPkey key = ec_key("P-384");
  Certificate own =
      Certificate::from_der(issue_self_signed(lasting(ca_spec("Contoso CA")), key.get()));
  return {std::move(key), std::move(own)};
}

class OcspTest : public testing::Test {
 protected:
  /// What the openssl command asks about these certificates.
  Bytes request(const std::vector<std::string>& files, const std::string& options) const {
    std::string line = "ocsp -issuer " + ca_file_ + " " + options;
    for (const std::string& file : files) line += " -cert " + file;
    const auto made = openssl(line + " -reqout " + folder_.path("request"));
    if (made.status != 0) throw std::runtime_error(made.output);
    return to_bytes(read_file(folder_.path("request")));
  }
  /// What it makes of the answer: signer and nonce first, then what is said of the leaf. It reads
  /// no request where it is told of a certificate, so it takes two calls.
  CommandResult verdict(ByteView response) const {
    const std::string in = "ocsp -CAfile " + ca_file_ + " -issuer " + ca_file_ + " -respin " +
                           folder_.file("response", response);
    CommandResult out = openssl(in + " -reqin " + folder_.path("request"));
    out.output += openssl(in + " -no_nonce " + hash_ + " -cert " + leaf_file_).output;
    return out;
  }
  OcspResponseSpec answer(const OcspRequest& request, OcspStatus status,
                          Revocation revocation = {}) const {
    OcspResponseSpec out{{}, kNow, kNow, kNow + Days(1), request.nonce};
    for (const OcspCertId& id : request.ids) out.answers.push_back({id, status, revocation});
    return out;
  }
  Bytes response(const OcspResponseSpec& what) const {
    return ocsp_response(what, responder_.certificate, responder_.key.get());
  }

  TemporaryFolder folder_;
  std::string hash_ = "-sha1";
  Identity ca_ = make_ca();
  Identity responder_ = make_under(ca_, responder_spec());
  Identity leaf_ = make_under(ca_, lasting(spec("a.contoso.com")));
  std::string ca_file_ = folder_.file("ca.pem", ca_.certificate.pem());
  std::string leaf_file_ = folder_.file("leaf.pem", leaf_.certificate.pem());
};

TEST_F(OcspTest, ReadsWhatIsAsked) {
  for (const char* hash : {"sha1", "sha256"}) {
    const OcspRequest asked =
        parse_ocsp_request(request({leaf_file_, leaf_file_}, "-" + std::string(hash)));
    ASSERT_EQ(asked.ids.size(), 2U);
    EXPECT_EQ(asked.ids[1].serial, leaf_.certificate.serial());
    EXPECT_FALSE(asked.nonce.empty());
  }
  const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, "-no_nonce -sha256"));
  EXPECT_TRUE(asked.nonce.empty());
  EXPECT_EQ(asked.ids[0].hash, "SHA256");
}

TEST_F(OcspTest, KnowsTheIssuerByEitherHash) {
  for (const std::string hash : {"SHA1", "SHA256"}) {
    const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, "-" + hash));
    EXPECT_EQ(asked.ids[0].hash, hash);
    EXPECT_TRUE(asked.ids[0].is_issued_by(ca_.certificate));
    EXPECT_FALSE(asked.ids[0].is_issued_by(make_ca().certificate));
  }
}

TEST_F(OcspTest, AnswersAsTheOpensslCommandWantsIt) {
  for (const char* hash : {"-sha1", "-sha256"}) {
    hash_ = hash;
    const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, hash_));
    const auto good = verdict(response(answer(asked, OcspStatus::kGood)));
    EXPECT_THAT(good.output, HasSubstr("Response verify OK"));
    EXPECT_THAT(good.output, HasSubstr("leaf.pem: good"));
    EXPECT_THAT(good.output, Not(HasSubstr("WARNING"))) << "the nonce is sent back";
    const auto revoked = verdict(response(
        answer(asked, OcspStatus::kRevoked, {kNow - Days(1), RevocationReason::kKeyCompromise})));
    EXPECT_THAT(revoked.output, HasSubstr("leaf.pem: revoked"));
    EXPECT_THAT(revoked.output, HasSubstr("Reason: keyCompromise"));
    const auto unknown = verdict(response(answer(asked, OcspStatus::kUnknown)));
    EXPECT_THAT(unknown.output, HasSubstr("leaf.pem: unknown"));
  }
}

TEST_F(OcspTest, LeavesOutTheReasonUnspecified) {
  const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, ""));
  const auto revoked = verdict(response(answer(asked, OcspStatus::kRevoked, {kNow, {}})));
  EXPECT_THAT(revoked.output, HasSubstr("leaf.pem: revoked"));
  EXPECT_THAT(revoked.output, Not(HasSubstr("Reason")));
}

TEST_F(OcspTest, IsNotBelievedFromAnotherSigner) {
  const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, ""));
  const Identity other_ca = make_ca();
  const Identity other = make_under(other_ca, responder_spec());
  const Bytes forged =
      ocsp_response(answer(asked, OcspStatus::kGood), other.certificate, other.key.get());
  EXPECT_THAT(verdict(forged).output, HasSubstr("Response Verify Failure"));
}

TEST_F(OcspTest, IsSignedByAResponderOnly) {
  const OcspRequest asked = parse_ocsp_request(request({leaf_file_}, ""));
  const OcspResponseSpec what = answer(asked, OcspStatus::kGood);
  EXPECT_THAT([&] { ocsp_response(what, leaf_.certificate, leaf_.key.get()); },
              ThrowsErrc(Errc::kInvalidArgument, "OCSPSigning"));
  EXPECT_THAT([&] { ocsp_response(what, responder_.certificate, leaf_.key.get()); },
              ThrowsErrc(Errc::kInvalidArgument, "not the key"));
  EXPECT_THAT(
      openssl("x509 -noout -text -in " + folder_.file("r.pem", responder_.certificate.pem()))
          .output,
      HasSubstr("OCSP No Check"));
}

TEST_F(OcspTest, RefusesInWordsOfRfc6960) {
  for (const OcspRefusal refusal : {OcspRefusal::kMalformedRequest, OcspRefusal::kUnauthorized}) {
    const auto shown =
        openssl("ocsp -respin " + folder_.file("refusal", ocsp_refusal(refusal)) + " -noverify");
    EXPECT_THAT(shown.output, HasSubstr(std::to_string(static_cast<int>(refusal)) + ")"))
        << name(refusal);
  }
}

TEST_F(OcspTest, IsBounded) {
  EXPECT_THAT([] { parse_ocsp_request(Bytes(65537)); }, ThrowsErrc(Errc::kCorrupt, "65536"));
  EXPECT_THAT([] { parse_ocsp_request({}); }, ThrowsErrc(Errc::kCorrupt, "not one OCSP request"));
  EXPECT_NO_THROW(parse_ocsp_request(request(std::vector<std::string>(100, leaf_file_), "")));
  const Bytes many = request(std::vector<std::string>(101, leaf_file_), "");
  EXPECT_THAT([&] { parse_ocsp_request(many); }, ThrowsErrc(Errc::kCorrupt, "101 certificates"));
}

TEST_F(OcspTest, SurvivesHostileOctets) {
  survive_mutations(request({leaf_file_}, ""), [&](const Bytes& bytes) {
    for (const OcspCertId& id : parse_ocsp_request(bytes).ids) id.is_issued_by(ca_.certificate);
  });
}

}  // namespace
}  // namespace poolkey::crypto
