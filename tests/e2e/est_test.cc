// EST as others speak it: curl and openssl by hand, and strongSwan's pki.
#include <gmock/gmock.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/running_service.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kAccess =
    "version = 1\n[[bind]]\nrole = \"requester\"\nclients = [\"ra\"]\npools = [\"edge\"]\n"
    "profiles = [\"web-server\", \"device\"]\n"
    "[[bind]]\nrole = \"security-officer\"\nclients = [\"chief\"]\npools = [\"*\"]\n"
    "profiles = [\"*\"]\n"
    "[[bind]]\nrole = \"auditor\"\nclients = [\"alice\", \"swan\"]\n";

const std::string kP256 = "ec -pkeyopt ec_paramgen_curve:P-256";

/// An origin with a CA, its service, and the root that relying parties have.
class EstTest : public testing::Test {
 protected:
  EstTest() {
    d.must("origin", configure_ca(d));
    d.must("origin", {"ca", "crl"});
    service.emplace(d, kAccess);
    bash("openssl x509 -inform DER -in pki/root-1.cer -out root.pem");
    bash("openssl x509 -inform DER -in pki/issuing-ca-1.cer -out ca.pem");
  }
  Outcome bash(const std::string& line) const { return in_folder(d, line); }

  std::string url(const std::string& path) const {
    return service->url() + "/.well-known/est/" + path;
  }
  /// A PKCS#10 in NAME.p10, as EST sends it, by a new key NAME.key.
  void request(const std::string& name, const std::string& cn, const std::string& key = kP256,
               const std::string& more = "") const {
    ASSERT_TRUE(
        succeeded(bash("openssl req -new -newkey " + key + " -nodes -subj '" + cn + "' -keyout " +
                       name + ".key -outform DER -out " + name + ".der " + more +
                       " && openssl base64 -in " + name + ".der -out " + name + ".p10")));
  }
  /// curl to an operation; the status is the last line. `who` is what says who asks.
  Outcome post(const std::string& path, const std::string& name, const std::string& who) const {
    return bash("curl -sS --cacert root.pem " + who + " -H 'Content-Type: application/pkcs10' " +
                "--data-binary @" + name + " -D headers -o answer -w '%{http_code}\\n' " +
                url(path) + "; cat answer");
  }
  /// The certificate in `answer` as NAME.pem; openssl believes it for this purpose.
  void take(const std::string& name, const std::string& purpose) const {
    EXPECT_TRUE(succeeded(
        bash("openssl base64 -d -A -in answer | openssl pkcs7 -inform DER -print_certs | "
             "sed -n '/BEGIN/,/END/p' > " +
             name + ".pem && test $(grep -c BEGIN " + name +
             ".pem) = 1 && openssl verify -x509_strict -CAfile root.pem -untrusted ca.pem "
             "-purpose " +
             purpose + " " + name + ".pem")));
  }
  /// Enrols a person by a one-time code, which goes to curl by a file.
  void enrol(const std::string& name, const std::string& key = kP256) const {
    d.must("origin", {"access", "invite", name, "--out", d.path(name + ".code").string()});
    request(name, "/CN=" + name, key);
    ASSERT_THAT(post("simpleenroll", name + ".p10", by_code(name)).out, HasSubstr("200\n"));
    take(name, "sslclient");
  }
  std::string by_code(const std::string& name) const {
    bash("echo \"user = \\\"" + name + ":$(cat " + name + ".code)\\\"\" > " + name + ".curl");
    return "-K " + name + ".curl";
  }
  static std::string by_certificate(const std::string& name) {
    return "--cert " + name + ".pem --key " + name + ".key";
  }

  const Deployment d = Deployment::at(Stage::kSetUp);
  std::optional<RunningService> service;
};

TEST_F(EstTest, GivesTheCertificatesOfTheCaToAnybody) {
  for (const char* path : {"cacerts", "web-server/cacerts", "client/cacerts"}) {
    // The first time a client does not know the root: it compares what it gets (RFC 7030 4.1.1).
    const Outcome got =
        bash("curl -sSk -D headers " + url(path) +
             " | openssl base64 -d -A | openssl pkcs7 -inform DER -print_certs > all "
             "&& cat all headers");
    EXPECT_THAT(got.text(),
                AllOf(HasSubstr("CN = poolkey root"), HasSubstr("CN = poolkey issuing CA"),
                      HasSubstr("application/pkcs7-mime"), HasSubstr("base64")));
    EXPECT_TRUE(succeeded(bash("grep -qF \"$(sed -n 2p root.pem)\" all")));
  }
}

TEST_F(EstTest, TellsWhatARequestShouldSay) {
  const auto wishes = [&](const std::string& path) {
    return bash("curl -sSf --cacert root.pem " + url(path) +
                " | openssl base64 -d -A | openssl asn1parse -inform DER")
        .out;
  };
  EXPECT_THAT(wishes("csrattrs"), AllOf(HasSubstr("prime256v1"), HasSubstr("ecdsa-with-SHA256")));
  EXPECT_THAT(wishes("web-server/csrattrs"), AllOf(HasSubstr("rsaEncryption"), HasSubstr(":0800"),
                                                   HasSubstr("Extension Request")));
  EXPECT_THAT(bash("curl -sS --cacert root.pem -w '%{http_code}' " + url("no-such/csrattrs")).out,
              AllOf(HasSubstr("404"), HasSubstr("web-server")));
}

TEST_F(EstTest, EnrolsAPersonByAOneTimeCode) {
  enrol("alice");
  EXPECT_THAT(bash("cat headers").out, HasSubstr("application/pkcs7-mime; smime-type=certs-only"));
  EXPECT_THAT(bash("openssl x509 -in alice.pem -noout -subject").out, HasSubstr("CN = alice"));
  EXPECT_THAT(bash("curl -sS --cacert root.pem " + by_certificate("alice") + " -w '%{http_code}' " +
                   service->url() + "/v1/metrics -o /dev/null")
                  .out,
              HasSubstr("200"));
  // The same again, should the answer have been lost; another request by the same code is refused.
  const std::string first = read_file(d.path("alice.pem"));
  EXPECT_THAT(post("simpleenroll", "alice.p10", by_code("alice")).out, HasSubstr("200\n"));
  take("alice", "sslclient");
  EXPECT_EQ(read_file(d.path("alice.pem")), first);
  request("other", "/CN=alice");
  EXPECT_THAT(post("simpleenroll", "other.p10", by_code("alice")).out,
              AllOf(HasSubstr("409\n"), HasSubstr("used for something else")));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(EstTest, EnrolsAnRsaKeyWithoutLineBreaksAndUnderTheLabelClient) {
  d.must("origin", {"access", "invite", "carol", "--out", d.path("carol.code").string()});
  request("carol", "/CN=carol", "rsa:2048");
  bash("tr -d '\\n' < carol.p10 > carol.line");
  EXPECT_THAT(post("client/simpleenroll", "carol.line", by_code("carol")).out, HasSubstr("200\n"));
  take("carol", "sslclient");
}

TEST_F(EstTest, RefusesWhoHasNoCodeOrAsksForAnother) {
  request("bob", "/CN=bob");
  EXPECT_THAT(post("simpleenroll", "bob.p10", "").out,
              AllOf(HasSubstr("401\n"), HasSubstr("poolkey access invite")));
  EXPECT_THAT(bash("cat headers").out, HasSubstr("Basic realm=\"poolkey\""));
  bash("echo AAAAA-BBBBB-CCCCC-DDDDD-EEEEE > bob.code");
  EXPECT_THAT(post("simpleenroll", "bob.p10", by_code("bob")).out, HasSubstr("401\n"));
  d.must("origin", {"access", "invite", "bob", "--out", d.path("bob.code").string()});
  request("mallory", "/CN=mallory");
  EXPECT_THAT(post("simpleenroll", "mallory.p10", by_code("bob")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("not one for 'bob'")));
  request("weak", "/CN=bob", "rsa:1024");
  EXPECT_THAT(post("simpleenroll", "weak.p10", by_code("bob")).out, HasSubstr("403\n"));
  for (const char* octets : {"garbage", "AAAA", ""}) {
    write_file(d.path("bad.p10"), std::string_view(octets));
    EXPECT_THAT(post("simpleenroll", "bad.p10", by_code("bob")).out, HasSubstr("400\n")) << octets;
  }
  write_file(d.path("req.conf"),
             std::string_view("[req]\nprompt=no\ndistinguished_name=d\nattributes=a\n[d]\nCN=bob\n["
                              "a]\nchallengePassword=abcd\n"));
  bash(
      "openssl req -new -newkey rsa:2048 -nodes -keyout x.key -config req.conf -outform DER | "
      "openssl base64 > linked.p10");
  EXPECT_THAT(post("simpleenroll", "linked.p10", by_code("bob")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("challengePassword")));
  EXPECT_THAT(
      post("simpleenroll", "bob.p10", by_code("bob") + " -H 'Content-Type: text/plain'").out,
      Not(HasSubstr("200\n")));
  // None of that has used the code up.
  EXPECT_THAT(post("simpleenroll", "bob.p10", by_code("bob")).out, HasSubstr("200\n"));
}

TEST_F(EstTest, RenewsByThePresentCertificateForTheSameNameOnly) {
  enrol("alice", "rsa:2048");
  request("next", "/CN=alice");
  EXPECT_THAT(post("simplereenroll", "next.p10", "").out, HasSubstr("401\n"));
  EXPECT_THAT(post("simplereenroll", "next.p10", by_certificate("alice")).out, HasSubstr("200\n"));
  take("next", "sslclient");
  request("bob", "/CN=bob");
  EXPECT_THAT(post("simplereenroll", "bob.p10", by_certificate("alice")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("not one for 'alice'")));
  request("named", "/CN=alice", kP256, "-addext subjectAltName=DNS:a.contoso.com");
  EXPECT_THAT(post("simplereenroll", "named.p10", by_certificate("alice")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("alternative names")));
  d.must("origin", {"ca", "revoke", d.path("alice.pem").string(), "--reason", "superseded"});
  EXPECT_THAT(post("simplereenroll", "next.p10", by_certificate("alice")).out,
              AllOf(HasSubstr("401\n"), HasSubstr("revoked")));
  EXPECT_THAT(post("simplereenroll", "next.p10", by_certificate("next")).out, HasSubstr("200\n"));
}

TEST_F(EstTest, CertifiesUnderAProfileForWhoMay) {
  enrol("ra");
  enrol("alice");
  request("web", "/CN=a.contoso.com", "rsa:2048", "-addext subjectAltName=DNS:a.contoso.com");
  EXPECT_THAT(post("web-server/simpleenroll", "web.p10", "").out, HasSubstr("401\n"));
  EXPECT_THAT(post("web-server/simpleenroll", "web.p10", by_certificate("alice")).out,
              HasSubstr("403\n"));
  EXPECT_THAT(post("public/simpleenroll", "web.p10", by_certificate("ra")).out, HasSubstr("403\n"));
  EXPECT_THAT(post("web-server/simpleenroll", "web.p10", by_certificate("ra")).out,
              HasSubstr("200\n"));
  take("web", "sslserver");
  request("outside", "/CN=www.evil.com", kP256, "-addext subjectAltName=DNS:www.evil.com");
  EXPECT_THAT(post("web-server/simpleenroll", "outside.p10", by_certificate("ra")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("www.evil.com")));
}

TEST_F(EstTest, ACertificateOfAProfileRenewsItselfAndDoesNothingElse) {
  enrol("ra");
  const std::string san = "-addext subjectAltName=DNS:p.clients.contoso.net";
  request("printer", "/CN=p.clients.contoso.net", kP256, san);
  EXPECT_THAT(post("device/simpleenroll", "printer.p10", by_certificate("ra")).out,
              HasSubstr("200\n"));
  take("printer", "sslclient");
  request("next", "/CN=p.clients.contoso.net", "ec -pkeyopt ec_paramgen_curve:P-384", san);
  EXPECT_THAT(post("device/simplereenroll", "next.p10", by_certificate("printer")).out,
              HasSubstr("200\n"));
  take("next", "sslclient");
  request("other", "/CN=q.clients.contoso.net", kP256,
          "-addext subjectAltName=DNS:q.clients.contoso.net");
  EXPECT_THAT(post("device/simplereenroll", "other.p10", by_certificate("printer")).out,
              AllOf(HasSubstr("400\n"), HasSubstr("other names")));
  EXPECT_THAT(post("device/simplereenroll", "next.p10", "").out, HasSubstr("401\n"));
  for (const char* path : {"device/simpleenroll", "web-server/simplereenroll", "simplereenroll"})
    EXPECT_THAT(post(path, "next.p10", by_certificate("printer")).out, HasSubstr("401\n")) << path;
  EXPECT_THAT(bash("curl -sS --cacert root.pem " + by_certificate("printer") +
                   " -w '%{http_code}' " + service->url() + "/v1/pools")
                  .out,
              AllOf(HasSubstr("401"), HasSubstr("nobody's identity")));
}

TEST_F(EstTest, ACertificateThatHasEndedRenewsNothing) {
  request("ra", "/CN=ra");
  d.on("origin",
       {"--direct", "access", "certify", "ra", "--csr", d.path("ra.der").string(), "--out",
        d.path("ra.pem").string()},
       [](Command& command) { command.words = at_time("-100d", std::move(command.words)); });
  ASSERT_TRUE(succeeded(bash("! openssl x509 -in ra.pem -noout -checkend 0")));
  request("web", "/CN=a.contoso.com", kP256, "-addext subjectAltName=DNS:a.contoso.com");
  for (const char* path : {"web-server/simpleenroll", "web-server/simplereenroll"})
    EXPECT_THAT(post(path, "web.p10", by_certificate("ra")).out,
                AllOf(HasSubstr("401\n"), HasSubstr("has ended")));
  request("next", "/CN=ra");
  EXPECT_THAT(post("simplereenroll", "next.p10", by_certificate("ra")).out,
              AllOf(HasSubstr("401\n"), HasSubstr("has ended")));
}

TEST_F(EstTest, WhoDecidesAboutTrustInvitesOverTheNetwork) {
  enrol("chief");
  enrol("ra");
  const auto call = [&](const std::string& method, const std::string& path, const std::string& who,
                        const std::string& body = "") {
    return bash("curl -sS --cacert root.pem -X " + method + " " + by_certificate(who) +
                (body.empty() ? "" : " -H 'Content-Type: application/json' -d '" + body + "'") +
                " -w '%{http_code}' " + service->url() + path)
        .out;
  };
  EXPECT_THAT(call("POST", "/v1/clients/dora/invitation", "ra", "{}"), HasSubstr("403"));
  const std::string made = call("POST", "/v1/clients/dora/invitation", "chief", "{}");
  EXPECT_THAT(made, HasSubstr("201"));
  write_file(d.path("dora.code"),
             json::text(json::parse(made.substr(0, made.rfind('\n')), "code").as_object(), "code",
                        "code"));
  request("dora", "/CN=dora");
  EXPECT_THAT(post("simpleenroll", "dora.p10", by_code("dora")).out, HasSubstr("200\n"));
  EXPECT_THAT(call("GET", "/v1/client-invitations", "chief"),
              AllOf(HasSubstr(R"("name":"dora","state":"used")"), HasSubstr("200")));
  EXPECT_THAT(
      call("POST", "/v1/pools/edge/members/edge1/invitation", "chief", R"({"valid_seconds":3600})"),
      AllOf(HasSubstr("edge/edge1"), HasSubstr("201")));
  EXPECT_THAT(call("POST", "/v1/pools/edge/members/edge9/invitation", "chief", "{}"),
              HasSubstr("404"));
  EXPECT_THAT(call("DELETE", "/v1/pools/edge/members/edge1/invitation", "chief"),
              HasSubstr(R"("withdrawn":1)"));
  EXPECT_THAT(call("GET", "/v1/pools/edge/invitations", "chief"), HasSubstr("withdrawn"));
  EXPECT_THAT(call("POST", "/v1/clients/x/invitation", "chief", R"({"valid_seconds":1})"),
              HasSubstr("400"));
}

TEST_F(EstTest, StrongSwansClientEnrolsAndRenews) {
  EXPECT_TRUE(succeeded(bash("pki --estca --url " + service->url() +
                             " --cacert root.pem --caout est-ca.pem --outform pem 2>pki.err")))
      << read_file(d.path("pki.err"));
  d.must("origin", {"access", "invite", "swan", "--out", d.path("swan.code").string()});
  bash(
      "pki --gen --type ecdsa --size 256 --outform pem > swan.key; "
      "pki --req --type priv --in swan.key --dn CN=swan --outform der > swan.der");
  EXPECT_TRUE(
      succeeded(bash("pki --est --url " + service->url() +
                     " --in swan.der --cacert root.pem --cacert ca.pem "
                     "--userpass swan:$(cat swan.code) --outform pem > swan.pem 2>pki.err")))
      << read_file(d.path("pki.err"));
  EXPECT_TRUE(succeeded(bash("openssl verify -CAfile root.pem -untrusted ca.pem swan.pem")));
  bash(
      "pki --gen --type rsa --size 2048 --outform pem > next.key; "
      "pki --req --type priv --in next.key --dn CN=swan --outform der > next.der");
  EXPECT_TRUE(succeeded(bash("pki --est --url " + service->url() +
                             " --in next.der --cacert root.pem --cacert ca.pem "
                             "--cert swan.pem --key swan.key --outform pem > next.pem 2>pki.err")))
      << read_file(d.path("pki.err"));
  EXPECT_TRUE(succeeded(bash("openssl verify -CAfile root.pem -untrusted ca.pem next.pem")));
}

}  // namespace
}  // namespace poolkey::test
