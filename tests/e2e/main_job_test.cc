// The main job with three members; what comes of it is checked by the real openssl command and by
// pkcs11-tool, without anything of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kRecipe = POOLKEY_SOURCE_DIR "/docs/audit-attestation.sh";

class MainJobTest : public testing::Test {
 protected:
  std::string root_fingerprint() const {
    return json::text(d.json_on("origin", {"origin", "root"}), "root_sha256", "origin root");
  }
  Outcome in_out(const std::string& line) const {
    return shell("cd '" + d.path("out").string() + "' && " + line);
  }
  /// The SHA-256 of the public object beside a private key, as a foreign program reads it.
  std::string spki_of(const std::string& side) const {
    const std::string file = d.path("out/" + side + ".spki").string();
    EXPECT_TRUE(succeeded(
        d.pkcs11_tool(side, "--read-object --type pubkey --label av@1 --output-file " + file)));
    return shell("openssl pkey -pubin -inform DER -outform DER -in " + file + " | sha256sum").out;
  }
  Deployment d = Deployment::at(Stage::kCertified, 3);
};

/// A statement in the attestation that is not the one that was signed, under a signer of our own
/// making: what only the receipts' own signatures can tell.
const char* const kForge = R"(
arc=2.25.190143442148644934619660429304037353412
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out forged-root.pem \
  -subj /CN=forged -days 2
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -out s.csr -subj /CN=signer
printf 'keyUsage=digitalSignature\nextendedKeyUsage=emailProtection,%s.2.1\n' $arc > s.ext
openssl x509 -req -in s.csr -CA forged-root.pem -CAkey ca.key -extfile s.ext -out s.pem -days 1
openssl cms -verify -inform DER -in attestation.cms -CAfile root.pem -out plain.json
sed "$EDIT" plain.json > edited.json
openssl cms -sign -binary -nodetach -in edited.json -signer s.pem -inkey s.key -econtent_type $arc.1.5 \
  -outform DER -out forged.cms
$RECIPE forged.cms forged-root.pem $(openssl x509 -in forged-root.pem -outform DER | openssl dgst -sha256 -r | cut -c 1-64)
)";

TEST_F(MainJobTest, OpensslAcceptsTheRequestTheCertificateAndTheAttestation) {
  EXPECT_TRUE(succeeded(in_out("openssl req -in csr.pem -verify -noout")));
  EXPECT_TRUE(
      succeeded(in_out("openssl verify -x509_strict -purpose sslserver -CAfile root.pem"
                       " -untrusted chain.pem cert.pem")));
  EXPECT_TRUE(succeeded(in_out(
      "openssl cms -verify -inform DER -in attestation.cms -CAfile root.pem -out att.json")));
  const Outcome names = in_out("openssl x509 -in cert.pem -noout -ext subjectAltName");
  EXPECT_THAT(names.out, HasSubstr("DNS:sip.contoso.com"));
  EXPECT_THAT(names.out, HasSubstr("DNS:sip.fabrikam.com"));
  EXPECT_THAT(names.out, testing::Not(HasSubstr("av.contoso.com")));
}

TEST_F(MainJobTest, AnAuditorChecksEveryReceiptWithOpensslAlone) {
  const std::string recipe = std::string(kRecipe) + " attestation.cms root.pem ";
  const Outcome checked = in_out(recipe + root_fingerprint());
  ASSERT_TRUE(succeeded(checked));
  for (const std::string& m : d.members()) EXPECT_THAT(checked.out, HasSubstr(m + " holds av@1"));
  EXPECT_THAT(checked.out, HasSubstr("Verified: 3 receipts"));
  EXPECT_TRUE(refused(in_out(recipe + std::string(64, 'a')), 1, {"fingerprint"}));
}

TEST_F(MainJobTest, AnAuditorRefusesATamperedAttestation) {
  const std::string whole = read_file(d.path("out/attestation.cms"));
  const std::size_t inside = whole.find("\"member\": \"edge2\"");
  ASSERT_NE(inside, std::string::npos);
  std::string tampered = whole;
  tampered[inside + 15] = '9';
  write_file(d.path("out/tampered.cms"), tampered);
  EXPECT_TRUE(refused(in_out(std::string(kRecipe) + " tampered.cms root.pem " + root_fingerprint()),
                      1, {"REFUSED"}));
}

TEST_F(MainJobTest, AnAuditorRefusesReceiptsThatMembersDidNotSign) {
  const auto forge = [&](const std::string& edit) {
    return run({.words = {"bash", "-ec", "cd '" + d.path("out").string() + "'\n" + kForge},
                .environment = {{"EDIT", edit}, {"RECIPE", kRecipe}}});
  };
  ASSERT_TRUE(succeeded(forge(""))) << "the forged signer has to be good but for the receipts";
  // One octet of every identity signature, of every replica signature, of every statement.
  EXPECT_TRUE(refused(
      forge(
          R"(s/^\(      "identity_signature": ".\{30\}\)./\1A/;s/^\(      "identity_signature": ".\{31\}\)./\1B/)"),
      1, {"REFUSED", "did not sign its receipt"}));
  EXPECT_TRUE(refused(forge(R"(s/^\(      "replica_signature": ".\{30\}\)../\1AB/)"), 1,
                      {"REFUSED", "replica of edge1 did not sign"}));
  EXPECT_TRUE(refused(forge(R"(s/^\(      "challenge": "\).\{8\}/\100000000/)"), 1,
                      {"REFUSED", "another challenge"}));
  EXPECT_TRUE(refused(forge(R"(s/^      "member": "edge3"/      "member": "edge4"/)"), 1,
                      {"REFUSED", "'edge3' is not of this pool"}));
}

TEST_F(MainJobTest, EveryMemberHoldsTheSamePublicKey) {
  const std::string at_origin = spki_of("origin");
  for (const std::string& m : d.members()) EXPECT_EQ(spki_of(m), at_origin) << m;
  const json::object listed = d.json_on("origin", {"key", "list"});
  const json::object& key = json::as_array(listed, "keys", "key list").at(0).as_object();
  EXPECT_THAT(at_origin, HasSubstr(json::text(key, "spki_sha256", "key list")));
  EXPECT_EQ(json::text(key, "state", "key list"), "proven");
}

TEST_F(MainJobTest, TheCertificateStandsBesideTheKeyOnEveryMember) {
  std::set<std::string> ids;
  for (const std::string& m : d.members()) {
    std::string key_id, certificate_id;
    const auto id_of = [](const std::string& object) { return object.substr(object.rfind(' ')); };
    for (const std::string& object : d.objects(m, "privkey"))
      if (object.find(" av@1 ") != std::string::npos) key_id = id_of(object);
    for (const std::string& object : d.objects(m, "cert"))
      if (object.find(" av@1 ") != std::string::npos) certificate_id = id_of(object);
    EXPECT_FALSE(key_id.empty()) << m;
    EXPECT_EQ(certificate_id, key_id) << m;
    ids.insert(key_id);
    const std::string file = d.path("out/" + m + ".der").string();
    ASSERT_TRUE(succeeded(
        d.pkcs11_tool(m, "--read-object --type cert --label av@1 --output-file " + file)));
    EXPECT_TRUE(succeeded(in_out("openssl x509 -in cert.pem -outform DER | cmp - " + file)));
  }
  EXPECT_THAT(ids, SizeIs(1));
}

TEST_F(MainJobTest, NobodyHoldsMorePrivateKeysThanItShould) {
  EXPECT_THAT(d.objects("origin", "privkey"), SizeIs(5));  // root, CA, two signers, the pool key
  for (const std::string& m : d.members()) EXPECT_THAT(d.objects(m, "privkey"), SizeIs(3)) << m;
  for (const std::string& side : {std::string("origin"), std::string("edge1")})
    EXPECT_THAT(d.objects(side, "secrkey"), SizeIs(0)) << "the wrapping key stayed behind";
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(MainJobTest, EveryVerbRunAgainChangesNothing) {
  const std::string before = d.inventory();
  d.receive_all();
  d.must("origin", d.create_request());
  d.must("origin", d.issue());
  for (const std::string& m : d.members()) {
    d.must(m, {"member", "enrol"});
    d.must(m, {"member", "install"});
  }
  EXPECT_EQ(d.inventory(), before);
}

}  // namespace
}  // namespace poolkey::test
