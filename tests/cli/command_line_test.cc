// The command line as scripts see it: help, versions, exit statuses, one JSON document on stdout.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/file.h"
#include "cli/command.h"
#include "e2e/deployment.h"

namespace poolkey::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<cli::Command> all_verbs() {
  std::vector<cli::Command> out;
  for (const auto table :
       {cli::setup_commands(), cli::policy_commands(), cli::access_commands(),
        cli::member_commands(), cli::key_commands(), cli::pool_commands(),
        cli::certificate_commands(), cli::lint_commands(), cli::audit_commands()})
    out.insert(out.end(), table.begin(), table.end());
  return out;
}

Words words_of(const cli::Command& verb) {
  Words out;
  std::istringstream text{std::string(verb.path)};
  for (std::string word; text >> word;) out.push_back(word);
  return out;
}

/// Without a home, or anything else of a deployment.
Outcome poolkey(const Words& words) {
  Command command{.words = {POOLKEY_PROGRAM}};
  command.words.insert(command.words.end(), words.begin(), words.end());
  return run(command);
}

/// Its output is one JSON document, which is an object.
json::object document(const Outcome& outcome) {
  return json::parse(outcome.out, "the output").as_object();  // refuses trailing data
}

testing::AssertionResult fails_in_json(const Outcome& outcome, int status) {
  if (outcome.status != status) return testing::AssertionFailure() << outcome.text();
  try {
    const json::object found = document(outcome);
    const json::object& error = json::as_object(found, "error", "the output");
    if (json::integer(error, "exit_status", "error") != status ||
        json::text(error, "message", "error").empty() || json::text(error, "code", "error").empty())
      return testing::AssertionFailure() << outcome.text();
  } catch (const std::exception& error) {
    return testing::AssertionFailure() << error.what() << ": " << outcome.text();
  }
  return testing::AssertionSuccess();
}

TEST(HelpTest, OfEveryVerbNamesItsOptionsAndWhatItIsFor) {
  ASSERT_GE(all_verbs().size(), 28U);
  for (const cli::Command& verb : all_verbs()) {
    SCOPED_TRACE(verb.path);
    Words words = words_of(verb);
    words.emplace_back("--help");
    const Outcome outcome = poolkey(words);
    ASSERT_TRUE(succeeded(outcome));
    EXPECT_THAT(outcome.out, HasSubstr(std::string(verb.summary).substr(0, 30)));
    EXPECT_THAT(outcome.out, HasSubstr("Exit status"));
    for (const cli::Option& option : verb.options) {
      EXPECT_THAT(outcome.out, HasSubstr(std::string(option.name)));
      EXPECT_FALSE(option.help.empty()) << option.name;
    }
  }
}

TEST(HelpTest, ListsEveryVerbAndEveryExitStatus) {
  const Outcome outcome = poolkey({"--help"});
  ASSERT_TRUE(succeeded(outcome));
  for (const cli::Command& verb : all_verbs())
    EXPECT_THAT(outcome.out, testing::ContainsRegex("\n  " + words_of(verb).front() + "[ ,]"));
  for (const char* status : {"10 wrong PIN", "11 damaged or forged", "20 differences"})
    EXPECT_THAT(testing::PrintToString(outcome.out), HasSubstr(std::string(status).substr(0, 3)));
}

TEST(VersionTest, IsOneLine) {
  const Outcome outcome = poolkey({"--version"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.out, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(UsageTest, WhatIsNotKnownIsInvalid) {
  for (const Words& words : {Words{}, Words{"frobnicate"}, Words{"key"}, Words{"key", "frobnicate"},
                             Words{"status", "--frobnicate"}, Words{"key", "release"},
                             Words{"--format", "xml", "status"}, Words{"status", "superfluous"},
                             Words{"--log-level", "loud", "status"}}) {
    const Outcome outcome = poolkey(words);
    EXPECT_TRUE(refused(outcome, 2, {})) << testing::PrintToString(words);
    EXPECT_FALSE(outcome.err.empty());
    Words in_json{"--format", "json"};
    in_json.insert(in_json.end(), words.begin(), words.end());
    if (testing::PrintToString(words).find("xml") == std::string::npos) {
      EXPECT_TRUE(fails_in_json(poolkey(in_json), 2)) << testing::PrintToString(words);
    }
  }
}

bool needs_no_home(const std::string& path) {
  return path == "access check" || path == "access explain" || path == "access roles" ||
         path == "request lint" || path == "request rules" || path == "request weak-keys";
}

TEST(UsageTest, EveryVerbThatNeedsAHomeSaysSo) {
  for (const cli::Command& verb : all_verbs()) {
    const std::string path(verb.path);
    if (path.starts_with("policy") || path.ends_with(" init") || needs_no_home(path)) continue;
    SCOPED_TRACE(path);
    const auto scratch = Deployment::folder();
    Words words{"--format", "json", "--home", (*scratch / "none").string()};
    const Words verb_words = words_of(verb);
    words.insert(words.end(), verb_words.begin(), verb_words.end());
    for (const cli::Option& option : verb.options) {
      if (!option.required) continue;
      if (option.name.starts_with("--")) words.emplace_back(option.name);
      words.emplace_back(option.value == "FILE"
                             ? POOLKEY_SOURCE_DIR "/" + std::string(option.name == "TOPOLOGY"
                                                                        ? "docs/edge-pool.toml"
                                                                        : "policies/av-auth.toml")
                             : std::string("av"));
    }
    EXPECT_TRUE(fails_in_json(poolkey(words), 4));
    EXPECT_FALSE(std::filesystem::exists(*scratch / "none")) << "a home was made";
  }
}

TEST(PolicyTest, ExplainCoversEveryAttributeOfBothKeys) {
  const std::string file = POOLKEY_SOURCE_DIR "/policies/av-auth.toml";
  const Outcome outcome = poolkey({"--format", "json", "policy", "explain", file});
  ASSERT_TRUE(succeeded(outcome));
  std::map<std::string, std::set<std::string>> seen;
  const json::object found = document(outcome);
  for (const json::value& value : json::as_array(found, "attributes", "explain")) {
    const json::object& one = value.as_object();
    seen[json::text(one, "side", "explain")].insert(json::text(one, "attribute", "explain"));
    EXPECT_FALSE(json::text(one, "reason", "explain").empty());
    EXPECT_FALSE(json::text(one, "from", "explain").empty());
  }
  const std::vector<std::string> of_a_private_key{"CKA_PRIVATE",
                                                  "CKA_SENSITIVE",
                                                  "CKA_EXTRACTABLE",
                                                  "CKA_WRAP_WITH_TRUSTED",
                                                  "CKA_SIGN",
                                                  "CKA_DECRYPT",
                                                  "CKA_UNWRAP",
                                                  "CKA_DERIVE",
                                                  "CKA_SIGN_RECOVER",
                                                  "CKA_COPYABLE",
                                                  "CKA_ALLOWED_MECHANISMS",
                                                  "CKA_MODIFIABLE"};
  int private_keys = 0;
  for (const auto& [side, attributes] : seen)
    if (side.find("private") != std::string::npos) {
      ++private_keys;
      EXPECT_THAT(attributes, testing::IsSupersetOf(of_a_private_key)) << side;
    }
  EXPECT_EQ(private_keys, 2) << "the origin's and the member's: " << outcome.out;
  const Outcome text = poolkey({"policy", "explain", file});
  EXPECT_THAT(text.out, HasSubstr("av-auth.toml:"));
}

class JsonTest : public testing::Test {
 protected:
  /// A verb of the deployment gives one document and the status.
  void expect(const std::string& side, Words verb, int status) const {
    SCOPED_TRACE(testing::PrintToString(verb));
    const int plain = status == 0 ? 0 : d.on(side, verb).status;
    verb.insert(verb.begin(), {"--format", "json"});
    const Outcome outcome = d.on(side, verb);
    EXPECT_EQ(outcome.status, status) << outcome.text();
    EXPECT_EQ(plain, status);
    EXPECT_NO_THROW(document(outcome)) << outcome.out;
  }
  Deployment d = Deployment::at(Stage::kCertified);
};

TEST_F(JsonTest, IsOneDocumentFromEveryVerb) {
  const std::string csr = d.path("out/csr.pem").string();
  expect("origin", {"policy", "check", POOLKEY_SOURCE_DIR "/policies/av-auth.toml"}, 0);
  expect("origin", {"pool", "define", d.path("topology.toml").string()}, 0);
  expect("origin", {"origin", "root"}, 0);
  expect("origin", {"token", "list"}, 0);
  expect("origin", {"enrolment", "show", "edge1", "--pool", "edge"}, 0);
  expect("origin", d.generate(), 0);
  expect("origin", {"key", "list"}, 0);
  const std::string reference = d.path("out/key.pem").string();
  expect("origin", {"key", "reference", "av@2", "--out", reference}, 0);
  expect("edge1", {"key", "reference", "av@1", "--out", reference}, 0);
  expect("origin", {"key", "release", "av@2", "--pool", "edge", "--dry-run"}, 0);
  expect("origin", d.release("av@2"), 0);
  for (const std::string& m : d.members()) {
    expect(m, {"member", "enrol"}, 0);
    expect(m, {"member", "receive"}, 0);
    expect(m, {"member", "receive"}, 0);  // nothing waits
    expect(m, {"member", "status"}, 0);
    expect(m, {"member", "install"}, 0);
    expect(m, {"audit", "verify"}, 0);
  }
  expect("origin", {"status", "--check"}, 20);
  expect("origin", {"pool", "attest", "edge"}, 6);
  expect("origin", {"pool", "challenge", "edge"}, 0);
  for (const std::string& m : d.members()) expect(m, {"member", "prove"}, 0);
  expect("origin", {"pool", "collect", "edge"}, 0);
  expect("origin", {"pool", "reconcile", "edge"}, 0);
  expect("origin", {"pool", "attest", "edge"}, 0);
  expect("origin", {"pool", "report", "edge"}, 0);
  expect("origin", {"status", "--check"}, 0);
  expect("origin", {"request", "lint", csr}, 0);
  expect("origin", d.create_request(), 0);
  expect("origin", d.issue(), 0);
  expect("origin", {"certificate", "publish", "av@1"}, 0);
  expect("origin", {"audit", "export"}, 0);
  expect("origin", {"audit", "checkpoint"}, 0);
  expect("origin", {"audit", "verify"}, 0);
  expect("origin", {"certificate", "issue", "no-such-request"}, 4);
  expect("origin", {"member", "receive"}, 2);
}

TEST_F(JsonTest, OfTokenListShowsTheTokenAndItsPublicObjects) {
  const json::object listed = d.json_on("edge1", {"token", "list"});
  const json::array& tokens = json::as_array(listed, "tokens", "token list");
  ASSERT_EQ(tokens.size(), 1U);
  const json::object& token = tokens.at(0).as_object();
  EXPECT_EQ(json::text(token, "label", "token"), "edge1");
  EXPECT_EQ(json::text(token, "serial", "token").size(), 16U);
  const std::string text = json::compact(token);
  EXPECT_THAT(text, HasSubstr("sip.contoso.com"));
  EXPECT_THAT(text, HasSubstr("av@1"));
  EXPECT_THAT(text, HasSubstr("poolkey-identity"));
  EXPECT_THAT(d.must("edge1", {"token", "list"}), HasSubstr("edge1"));
}

TEST_F(JsonTest, TalkGoesToTheOtherStream) {
  const Outcome outcome = d.on("origin", {"--format", "json", "status"});
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_THAT(outcome.err, HasSubstr("Pool 'edge'"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("Pool 'edge'")));
}

}  // namespace
}  // namespace poolkey::test
