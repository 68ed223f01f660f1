// Requests that are made in a batch, and those that the linter refuses unless somebody answers for
// them: what is signed, what is not, and what the audit log says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "e2e/authority.h"
#include "e2e/public_ca.h"

namespace poolkey::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr int kInvalid = 2, kDenied = 3, kNotFound = 4;

Words create(const std::string& pool, const std::string& key, const Words& more = {}) {
  Words out{"request", "create", "--pool", pool, "--role", "edge-external", "--key", key};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

std::string audit_log(const Deployment& d) {
  d.must("origin", {"audit", "export", "--out", d.path("audit.jsonl").string()});
  return read_file(d.path("audit.jsonl"));
}

/// A pool 'west' beside 'edge', both with a key; the name of west's Access Edge is `access`.
void add_west(const Deployment& d, const std::string& access) {
  const std::string text = read_file(d.path("topology.toml"));
  const std::string pool =
      replaced(replaced(text.substr(text.find("[pool.edge]")), "[pool.edge]", "[pool.west]"),
               "sip.contoso.com", access);
  change_topology(d, text, text + "\n" + pool);
  d.must("origin", {"key", "generate", "west", "--pool", "west", "--policy",
                    POOLKEY_SOURCE_DIR "/policies/av-auth.toml"});
}

/// `request batch` of these pools' keys.
Words batch(const Deployment& d, const std::vector<std::pair<std::string, std::string>>& all,
            const std::string& more = "") {
  std::string text;
  for (const auto& [pool, key] : all)
    text += std::string(text.empty() ? "" : ",") + R"({"pool":")" + pool +
            R"(","role":"edge-external","key":")" + key + "\"" + more + "}";
  write_file(d.path("batch.json"), "{\"requests\":[" + text + "]}");
  return {"request", "batch", d.path("batch.json").string(), "--out", d.path("all.pem").string()};
}

class BatchTest : public testing::Test {
 protected:
  BatchTest() {
    use_public_ca(d);
    d.must("origin", d.generate());
  }
  /// Nothing was signed, and the database has these requests only.
  void expect_nothing_signed(std::int64_t linted) const {
    EXPECT_EQ(d.count("origin", "request"), linted);
    EXPECT_EQ(d.count("origin", "request WHERE state <> 'linted' OR csr IS NOT NULL"), 0);
    EXPECT_FALSE(std::filesystem::exists(d.path("all.pem")));
    EXPECT_THAT(d.unfinished("origin"), IsEmpty());
    EXPECT_TRUE(d.audit_is_whole());
  }
  const Deployment d = Deployment::at(Stage::kGenerated);
};

/// RFC 9162 2.1.1 over three leaves.
constexpr const char* kMerkle = R"(
h() { openssl dgst -sha256 -binary; }
for n in 0 1 2; do
  { printf '\0'; openssl req -in $n.csr -outform DER; } | h > leaf.$n
done
{ printf '\1'; cat leaf.0 leaf.1; } | h > left
{ printf '\1'; cat left leaf.2; } | h | od -An -vtx1 | tr -d ' \n')";

TEST_F(BatchTest, IsOneEntryOfTheAuditLogWithTheMerkleRoot) {
  add_west(d, "sip.west.contoso.com");
  const json::object made =
      d.json_on("origin", batch(d, {{"west", "west@1"}, {"edge", "av@2"}, {"edge", "av@1"}}));
  int position = 0;
  for (const json::value& one : json::as_array(made, "requests", "batch"))
    write_file(d.path(std::to_string(position++) + ".csr"),
               json::text(one.as_object(), "csr", "batch"));
  ASSERT_EQ(position, 3);
  const Outcome root = in_folder(d, kMerkle);
  ASSERT_TRUE(succeeded(root));
  ASSERT_EQ(root.out.size(), 64U);
  EXPECT_THAT(audit_log(d), HasSubstr("\"merkle_root\":\"" + root.out + "\""));
  for (const char* file : {"0.csr", "1.csr", "2.csr"})
    EXPECT_TRUE(succeeded(in_folder(d, "openssl req -verify -noout -in " + std::string(file))));
  EXPECT_EQ(d.count("origin", "request WHERE state = 'signed'"), 3);
  EXPECT_EQ(d.count("origin",
                    "audit_entry WHERE phase = 'intent' AND entry LIKE"
                    " '%request create%'"),
            1);
  const json::object shown = d.json_on("origin", {"request", "show", public_request("av@2")});
  EXPECT_EQ(json::integer(json::as_object(
                              json::as_object(shown.at("details"), "details").at("batch"), "batch"),
                          "position", "batch"),
            1);
}

TEST_F(BatchTest, WithOneThatTheLinterRefusesSignsNone) {
  add_west(d, "sip.contoso.local");
  EXPECT_TRUE(refused(
      d.on("origin", batch(d, {{"edge", "av@1"}, {"west", "west@1"}, {"edge", "av@2"}})), kDenied,
      {"nothing was signed", "west.edge-external.west@1.public:", "(public-br)",
       "sip.contoso.local"}));
  expect_nothing_signed(1);
  EXPECT_EQ(state_of(d, "west.edge-external.west@1.public"), "linted");
  // Refused again, it has what was found then; mended, it goes through and keeps its history.
  change_topology(d, "sip.contoso.local", "sip.contoso.invalid");
  EXPECT_EQ(d.on("origin", batch(d, {{"west", "west@1"}})).status, kDenied);
  const Words show{"request", "show", "west.edge-external.west@1.public"};
  EXPECT_THAT(d.must("origin", show),
              AllOf(HasSubstr("contoso.invalid"), Not(HasSubstr("contoso.local"))));
  change_topology(d, "sip.contoso.invalid", "sip.west.contoso.com");
  d.must("origin", batch(d, {{"edge", "av@1"}, {"west", "west@1"}, {"edge", "av@2"}}));
  EXPECT_EQ(history(d, show.back()), Words({"drafted", "linted", "drafted", "linted", "drafted",
                                            "linted", "approved", "signed"}));
}

TEST_F(BatchTest, WithOneBadEntryMakesNothing) {
  struct Bad {
    std::vector<std::pair<std::string, std::string>> entries;
    std::string more;
    int status;
    std::string word;
  };
  const std::pair<std::string, std::string> good{"edge", "av@1"};
  const std::vector<Bad> all{
      {{good, {"edge", "av@3"}}, "", kNotFound, "av@3"},
      {{good, {"west", "av@2"}}, "", kNotFound, "west"},
      {{good, good}, "", kInvalid, "is asked for twice in one batch"},
      {{good, {"edge", "av@2"}}, R"(,"ca":"nobody")", kNotFound, "nobody"},
      {{good, {"edge", "av@2"}}, R"(,"sever":"edge1")", kInvalid, "sever"},
      {{good, {"edge", "av@2"}}, R"(,"server":"edge1")", kInvalid, "not for one server"},
      {{}, "", kInvalid, "a batch has 1 to 1000"},
  };
  for (const Bad& bad : all) {
    SCOPED_TRACE(bad.word);
    EXPECT_TRUE(refused(d.on("origin", batch(d, bad.entries, bad.more)), bad.status, {bad.word}));
    expect_nothing_signed(0);
  }
}

/// A name that public CAs do not certify, under a policy that lets `named` answer for it.
class OverrideTest : public testing::Test {
 protected:
  void set_up(const std::string& named) const {
    use_public_ca(d);
    change_topology(d, "sip.contoso.com", "sip.contoso.local");
    write_file(d.path("av-auth.toml"),
               replaced(read_file(POOLKEY_SOURCE_DIR "/policies/av-auth.toml"), "[request]\n",
                        "[request]\noverrides = [\"" + named + "\"]\n"));
    d.must("origin", d.generate("av", d.path("av-auth.toml").string()));
  }
  static std::string account() {
    std::string out = shell("id -un").out;
    out.pop_back();
    return out;
  }
  const Deployment d = Deployment::at(Stage::kEnrolled);
  const Words override_{"--override", "public-br", "--override",
                        "lync",       "--reason",  "contoso.local ends in May"};
};

TEST_F(OverrideTest, NamedPersonsMayAndTheAuditLogSaysWhy) {
  set_up(account());
  EXPECT_TRUE(refused(d.on("origin", create("edge", "av@1")), kDenied,
                      {"breaks rules that its policy asks for", "nothing was signed"}));
  EXPECT_EQ(state_of(d), "linted");
  d.must("origin", create("edge", "av@1", override_));
  EXPECT_EQ(state_of(d), "signed");
  EXPECT_THAT(audit_log(d), HasSubstr("contoso.local ends in May"));
  const std::string shown = d.must("origin", {"request", "show", public_request()});
  EXPECT_THAT(shown, HasSubstr("the linter was overridden: contoso.local ends in May"));
  EXPECT_TRUE(d.audit_is_whole());
}

TEST_F(OverrideTest, OthersMayNot) {
  set_up("alice");
  EXPECT_TRUE(
      refused(d.on("origin", create("edge", "av@1", override_)), kDenied, {account(), "override"}));
  EXPECT_EQ(d.count("origin", "request WHERE csr IS NOT NULL"), 0);
}

TEST_F(OverrideTest, NeedsAReason) {
  set_up(account());
  EXPECT_TRUE(refused(d.on("origin", create("edge", "av@1", {"--override", "public-br"})), kInvalid,
                      {"--override needs --reason"}));
  EXPECT_TRUE(
      refused(d.on("origin", create("edge", "av@1", {"--override", "public-br", "--reason", ""})),
              kInvalid, {"--override needs --reason"}));
  EXPECT_EQ(d.count("origin", "request"), 0);
}

TEST_F(OverrideTest, OfOneProfileLeavesTheOthers) {
  set_up(account());
  EXPECT_TRUE(refused(
      d.on("origin", create("edge", "av@1", {"--override", "internal", "--reason", "none"})),
      kDenied, {"(public-br)"}));
}

}  // namespace
}  // namespace poolkey::test
