// ci/demo itself, twice over the same folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/background.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

const json::object& member(const json::object& o, const char* name) {
  return json::as_object(o, name, "report.json");
}

void check_report(const json::object& report) {
  EXPECT_EQ(json::text(report, "pool", "report"), "edge");
  const json::object& key = member(report, "key");
  EXPECT_EQ(json::text(key, "name", "key"), "av");
  EXPECT_EQ(json::integer(key, "version", "key"), 1);
  EXPECT_EQ(json::text(key, "algorithm", "key"), "RSA-2048");
  const std::string spki = json::text(key, "spki_sha256", "key");
  EXPECT_EQ(spki.size(), 64U);
  const json::array& members = json::as_array(report, "members", "report");
  ASSERT_EQ(members.size(), 3U);
  for (const json::value& value : members) {
    const json::object& m = value.as_object();
    EXPECT_EQ(json::text(m, "state", "member"), "present");
    EXPECT_EQ(json::text(m, "spki_sha256", "member"), spki);
    EXPECT_EQ(json::text(m, "token_serial", "member").size(), 16U);
    EXPECT_FALSE(json::text(m, "name", "member").empty());
    EXPECT_FALSE(json::text(m, "proved_at", "member").empty());
    EXPECT_FALSE(json::boolean(m, "extractable", "member"));
    EXPECT_TRUE(json::boolean(m, "sensitive", "member"));
  }
  EXPECT_EQ(json::text(member(report, "request"), "subject", "request"), "CN=sip.contoso.com");
  EXPECT_FALSE(json::as_array(member(report, "request"), "sans", "request").empty());
  const json::object& certificate = member(report, "certificate");
  EXPECT_FALSE(json::text(certificate, "serial", "certificate").empty());
  EXPECT_FALSE(json::text(certificate, "not_after", "certificate").empty());
  EXPECT_FALSE(json::as_array(certificate, "sans", "certificate").empty());
  EXPECT_GE(member(report, "timings_ms").size(), 10U);
}

TEST(DemoTest, RunsTwiceAndLeavesWhatItPromises) {
  const auto scratch = Deployment::folder();
  const auto demo = *scratch / "demo";
  for (int round = 1; round <= 2; ++round) {
    const auto began = std::chrono::steady_clock::now();
    const Outcome outcome = run({.words = {POOLKEY_SOURCE_DIR "/ci/demo"},
                                 .environment = {{"POOLKEY_BUILD_DIR", POOLKEY_BINARY_DIR},
                                                 {"POOLKEY_DEMO_DIR", demo.string()}}});
    ASSERT_TRUE(succeeded(outcome)) << "round " << round;
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30));
    EXPECT_THAT(outcome.out, testing::HasSubstr("edge2   av@1  absent")) << "status finds the loss";
    for (const char* state : {"armed 3/3", "overlap", "retired 0/3", "destroyed"})
      EXPECT_THAT(outcome.out, testing::HasSubstr("edge.av@2: " + std::string(state)));
    for (const char* file : {"report.json", "edge-external.csr.pem", "edge-external.cert.pem",
                             "chain.pem", "attestation.cms", "audit.jsonl"})
      EXPECT_GT(std::filesystem::file_size(demo / "out" / file), 0U) << file;
    check_report(json::parse(read_file(demo / "out" / "report.json"), "report.json").as_object());
  }
  const Outcome sourced = shell(". '" + (demo / "env").string() + "' && poolkey status &&" +
                                " openssl storeutl -noout 'pkcs11:token=edge1;type=cert'");
  EXPECT_TRUE(succeeded(sourced));
  EXPECT_THAT(sourced.out, testing::HasSubstr("EXPOSED: av@2")) << "it ends with an eviction";
}

TEST(DemoTest, PlaysTheMainJobOverTheNetwork) {
  const auto scratch = Deployment::folder();
  const Outcome outcome =
      run({.words = {POOLKEY_SOURCE_DIR "/ci/demo", "--network"},
           .environment = {{"POOLKEY_BUILD_DIR", POOLKEY_BINARY_DIR},
                           {"POOLKEY_DEMO_PORT", std::to_string(free_port())},
                           {"POOLKEY_DEMO_DIR", (*scratch / "demo").string()}}});
  ASSERT_TRUE(succeeded(outcome));
  for (const char* one : {"service was killed", "agent-edge3 was killed", "edge2   av@1  present",
                          "CMS Verification successful", "The service stopped cleanly."})
    EXPECT_THAT(outcome.text(), testing::HasSubstr(one));
}

}  // namespace
}  // namespace poolkey::test
