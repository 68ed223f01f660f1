// "poolkey request lint" and what belongs to it, on files that openssl makes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Outcome poolkey(Words words) {
  words.insert(words.begin(), POOLKEY_PROGRAM);
  return run({.words = std::move(words)});
}

class LintCommandTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string wanted =
        "openssl req -newkey rsa:2048 -nodes -keyout " + file("key.pem") +
        " -subj /CN=sip.contoso.com -addext subjectAltName=DNS:sip.contoso.com"
        " -addext extendedKeyUsage=serverAuth,clientAuth -addext basicConstraints=CA:FALSE ";
    ASSERT_TRUE(succeeded(shell(wanted + "-out " + file("csr.pem") + " && " + wanted +
                                "-x509 -days 90 -out " + file("cert.pem") + " && openssl req -in " +
                                file("csr.pem") + " -outform DER -out " + file("csr.der") +
                                " && openssl x509 -in " + file("cert.pem") + " -outform DER -out " +
                                file("cert.der"))));
  }

  std::string file(const std::string& name) const { return *folder_ / name; }

  /// What the file is, and "rule=severity" of each finding.
  std::vector<std::string> lint(const std::string& name, const Words& more) const {
    Words words{"--format", "json", "request", "lint", file(name)};
    words.insert(words.end(), more.begin(), more.end());
    const Outcome outcome = poolkey(words);
    const json::object found = json::parse(outcome.out, "the output").as_object();
    std::vector<std::string> out{json::text(found, "kind", "lint")};
    bool errors = false;
    for (const json::value& item : json::as_array(found, "findings", "lint")) {
      const json::object& one = item.as_object();
      errors = errors || json::text(one, "severity", "lint") == "error";
      out.push_back(json::text(one, "rule", "lint") + "=" + json::text(one, "severity", "lint"));
    }
    EXPECT_EQ(outcome.status, errors ? 20 : 0) << outcome.text();
    return out;
  }

 private:
  std::unique_ptr<Scratch> folder_ = Deployment::folder();
};

TEST_F(LintCommandTest, ReadsRequestsOfBothForms) {
  const Words public_now{"--profile", "public-br", "--at", "2026-11-22"};
  for (const char* name : {"csr.pem", "csr.der"})
    EXPECT_THAT(lint(name, public_now), ElementsAre("request", "eku.client-auth=warn"));
  EXPECT_THAT(poolkey({"request", "lint", file("csr.pem")}).out,
              HasSubstr("A certificate request: CN=sip.contoso.com, RSA-2048"));
  EXPECT_TRUE(refused(poolkey({"request", "lint", file("key.pem")}), 11, {"must not be sent"}));
}

TEST_F(LintCommandTest, SaysWhatItWillSayThen) {
  EXPECT_THAT(lint("csr.pem", {"--profile", "public-br", "--at", "2027-03-15"}),
              ElementsAre("request", "eku.client-auth-ended=error"));
  EXPECT_THAT(lint("csr.pem", {"--profile", "public-br", "--at", "2027-03-14T23:59:59Z"}),
              ElementsAre("request", "eku.client-auth=warn"));
  EXPECT_TRUE(refused(poolkey({"request", "lint", file("csr.pem"), "--at", "tomorrow"}), 2));
}

TEST_F(LintCommandTest, ReadsCertificatesOfBothForms) {
  for (const char* name : {"cert.pem", "cert.der"}) {
    const auto found = lint(name, {"--profile", "lync"});
    EXPECT_EQ(found.front(), "certificate");
    EXPECT_THAT(found, testing::IsSupersetOf(
                           {"certificate.self-signed=error", "certificate.no-cdp=error"}));
  }
  EXPECT_THAT(lint("cert.pem", {"--profile", "lync", "--profile", "internal"}),
              testing::IsSupersetOf({"certificate.no-cdp=error", "certificate.no-cdp=warn"}));
}

TEST_F(LintCommandTest, TakesListsOfWeakKeys) {
  const std::string list = file("reported");
  ASSERT_TRUE(succeeded(shell("openssl pkey -in " + file("key.pem") +
                              " -pubout -outform DER | sha256sum | cut -c1-64 >" + list)));
  const Words with_list{"--profile", "lync", "--weak-keys", list};
  // The key of the certificate was made last.
  EXPECT_THAT(lint("cert.pem", with_list), Contains("key.reported=error"));
  EXPECT_THAT(lint("csr.pem", with_list), Not(Contains("key.reported=error")));
  std::filesystem::create_directories(file("home/weak-keys"));
  std::filesystem::rename(list, file("home/weak-keys/reported"));
  EXPECT_THAT(lint("cert.pem", {"--home", file("home")}), Contains("key.reported=error"));
  EXPECT_THAT(lint("cert.pem", {}), Not(Contains("key.reported=error")));
}

TEST_F(LintCommandTest, MakesTheListOfDebiansKeys) {
  const std::string list = file("debian");
  const Outcome made = poolkey(
      {"request", "weak-keys", "--out", list, "--bits", "1024", "--first", "1", "--last", "2"});
  ASSERT_TRUE(succeeded(made));
  EXPECT_THAT(made.out, HasSubstr("18 keys"));
  EXPECT_TRUE(succeeded(poolkey({"request", "lint", file("csr.pem"), "--weak-keys", list})));
  EXPECT_THAT(read_file(list), testing::StartsWith("# RSA-1024"));
  EXPECT_TRUE(refused(poolkey({"request", "weak-keys", "--out", list, "--bits", "100"}), 2));
  EXPECT_TRUE(refused(poolkey({"request", "weak-keys", "--out", list, "--last", "32768"}), 2));
}

TEST(RulesCommandTest, ListsTheTable) {
  const Outcome outcome = poolkey({"--format", "json", "request", "rules"});
  ASSERT_TRUE(succeeded(outcome));
  const json::object found = json::parse(outcome.out, "the output").as_object();
  bool seen = false;
  for (const json::value& item : json::as_array(found, "rules", "rules")) {
    const json::object& rule = item.as_object();
    if (json::text(rule, "rule", "rules") != "key.rsa-small") continue;
    seen = true;
    const json::object& severity = json::as_object(rule, "severity", "rules");
    EXPECT_EQ(json::text(severity, "public-br", "rules"), "error");
    EXPECT_EQ(json::text(severity, "lync", "rules"), "warn");
  }
  EXPECT_TRUE(seen);
  EXPECT_THAT(poolkey({"request", "rules"}).out, HasSubstr("ROCA"));
}

}  // namespace
}  // namespace poolkey::test
