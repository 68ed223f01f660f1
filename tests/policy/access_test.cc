// Access policies: what is said of a faulty one, what bindings give, and the shipped one's cases.
#include "policy/access.h"

#include <gtest/gtest.h>

#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

using poolkey::test::ThrowsErrc;
using testing::AllOf;
using testing::HasSubstr;

constexpr char kAccess[] = R"(version = 1

[[bind]]
role = "member"
members = ["edge/*", "front/fe1"]

[[bind]]
role = "requester"
clients = ["app"]
pools = ["edge"]
profiles = ["web-server"]
requests_per_second = 5
burst = 7
signatures_per_day = 100

[[bind]]
role = "requester"
clients = ["app", "other"]
pools = ["front"]
profiles = ["*"]
burst = 3
signatures_per_day = 200

[[bind]]
role = "auditor"
clients = ["*"]
pools = ["front"]
)";

Access parsed(const std::string& text = kAccess) { return parse_access(text, "a.toml"); }

/// What is said of the sample with one thing changed; empty if it is sound.
std::string report_with(const std::string& from, const std::string& to) {
  try {
    parsed(with(kAccess, from, to));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::kInvalidArgument);
    return error.what();
  }
  return "";
}

AccessDecision asked(const std::string& principal, AccessAction action, AccessScope scope = {}) {
  return decide(parsed(), parse_principal(principal), action, scope);
}

TEST(AccessTest, ReportsEveryFaultAtOnceWithItsPlace) {
  std::string text = with(kAccess, "\"edge/*\"", "\"edge\"");
  text = with(text, "burst = 7", "burst = 0");
  text = with(text, "signatures_per_day = 200", "signatures_a_day = 200");
  text = with(text, "\"auditor\"", "\"boss\"");
  EXPECT_THAT([&] { parsed(text); },
              ThrowsErrc(Errc::kInvalidArgument, "access policy a.toml has 4 faults"));
  EXPECT_THAT([&] { parsed(text); },
              ThrowsErrc(Errc::kInvalidArgument, "a.toml:5:12: 'edge' is no member"));
  EXPECT_THAT([&] { parsed(text); },
              ThrowsErrc(Errc::kInvalidArgument, "a.toml:13:1: 'bind.burst'"));
  EXPECT_THAT([&] { parsed(text); },
              ThrowsErrc(Errc::kInvalidArgument, "a.toml:22:1: unknown key"));
  EXPECT_THAT([&] { parsed(text); },
              ThrowsErrc(Errc::kInvalidArgument, "a.toml:25:1: 'bind.role' is 'boss'"));
}

TEST(AccessTest, RefusesBindingsThatContradictTheirRole) {
  EXPECT_THAT(report_with("members = [\"edge/*\", \"front/fe1\"]",
                          "members = [\"*\"]\nclients = [\"app\"]"),
              HasSubstr("'bind.clients' contradicts role 'member'"));
  EXPECT_THAT(report_with("role = \"auditor\"", "role = \"auditor\"\nmembers = [\"*\"]"),
              HasSubstr("'bind.members' contradicts role 'auditor'"));
  EXPECT_THAT(report_with("clients = [\"*\"]\n", ""), HasSubstr("'bind' names nobody"));
  EXPECT_THAT(report_with("clients = [\"*\"]", "clients = [\"*\"]\nprofiles = [\"x\"]"),
              HasSubstr("'bind.profiles' says nothing for role 'auditor'"));
}

TEST(AccessTest, RefusesNamesThatAreNone) {
  EXPECT_THAT(report_with("\"app\", \"other\"", "\"app\", \"app\""), HasSubstr("twice"));
  EXPECT_THAT(report_with("\"app\", \"other\"", "\"app\", \"*\""), HasSubstr("'*' stands alone"));
  EXPECT_THAT(report_with("\"app\", \"other\"", "\"a p\""), HasSubstr("no name of a person"));
  EXPECT_THAT(report_with("\"app\", \"other\"", "\"member:edge/e1\""),
              HasSubstr("no name of a person"));
  EXPECT_THAT(report_with("clients = [\"*\"]", "accounts = [\"*\"]"),
              HasSubstr("no name of a person"));
  EXPECT_THAT(report_with("[\"edge\"]", "[\"Edge\"]"), HasSubstr("pool"));
  EXPECT_THAT(report_with("version = 1", "version = 2"), HasSubstr("reads version 1"));
}

TEST(AccessTest, DeniesEverythingWithoutBindings) {
  const Access none = parsed("version = 1\n");
  for (const auto& action : words<AccessAction>())
    for (const char* who : {"client:root", "account:root", "member:edge/e1", "anonymous"}) {
      const auto decision = decide(none, parse_principal(who), action.value,
                                   {.pool = "edge", .profile = "p", .member = "e1"});
      EXPECT_EQ(decision.allowed, action.value == AccessAction::kPublicRead)
          << who << " " << action.text;
      EXPECT_EQ(decision.sentence.empty(), decision.allowed);
    }
}

TEST(AccessTest, NamesTheLineThatDecides) {
  EXPECT_EQ(asked("client:app", AccessAction::kKeyRead, {.pool = "edge"}).rule, "a.toml:7");
  EXPECT_EQ(asked("client:app", AccessAction::kKeyRead, {.pool = "front"}).rule, "a.toml:16");
  EXPECT_EQ(asked("client:who", AccessAction::kKeyRead, {.pool = "front"}).rule, "a.toml:24");
  EXPECT_EQ(asked("account:who", AccessAction::kKeyRead, {.pool = "front"}).rule, "a.toml");
}

TEST(AccessTest, DoesNotMixTheScopesOfTwoBindings) {
  EXPECT_TRUE(
      asked("client:app", AccessAction::kRequestCreate, {.pool = "edge", .profile = "web-server"})
          .allowed);
  const auto mixed = asked("client:app", AccessAction::kRequestCreate,
                           {.pool = "edge", .profile = "edge-external"});
  EXPECT_FALSE(mixed.allowed);
  EXPECT_THAT(mixed.sentence, HasSubstr("under profile 'edge-external'"));
}

TEST(AccessTest, TakesAScopeThatIsMissingAsAllThereIs) {
  EXPECT_FALSE(asked("client:app", AccessAction::kKeyRead).allowed);
  EXPECT_TRUE(asked("client:app", AccessAction::kKeyRead, {.listing = true}).allowed);
  EXPECT_FALSE(asked("client:app", AccessAction::kCertificateSign, {.profile = ""}).key.empty());
  EXPECT_TRUE(asked("client:other", AccessAction::kCertificateSign).allowed);
}

/// Every action, as the wrong member, as nobody's member and with the scope left out.
TEST(AccessTest, LetsAMemberTouchItselfAlone) {
  for (const auto& action : words<AccessAction>()) {
    if (action.value == AccessAction::kPublicRead) continue;
    for (const AccessScope& scope :
         {AccessScope{.pool = "edge", .member = "e2"}, AccessScope{.pool = "front", .member = "e1"},
          AccessScope{.pool = "edge"}, AccessScope{.member = "e1"}, AccessScope{},
          AccessScope{.listing = true}})
      EXPECT_FALSE(asked("member:edge/e1", action.value, scope).allowed) << action.text;
    const AccessScope own{.pool = "edge", .member = "e1"};
    EXPECT_EQ(asked("member:edge/e1", action.value, own).allowed,
              has_action(AccessRole::kMember, action.value))
        << action.text;
  }
  EXPECT_FALSE(
      asked("member:front/fe2", AccessAction::kDocumentRead, {.pool = "front", .member = "fe2"})
          .allowed);
}

TEST(AccessTest, GivesOwnDocumentsToMembersOnly) {
  for (const auto& row : access_rows()) {
    if (row.reach != AccessReach::kOwn || row.action == AccessAction::kIdentityRenew) continue;
    for (const auto& role : words<AccessRole>())
      EXPECT_EQ(has_action(role.value, row.action), role.value == AccessRole::kMember)
          << role.text << " " << word(row.action);
  }
}

TEST(AccessTest, LetsOneTimeCodesEnrolOnly) {
  std::vector<std::string> allowed;
  for (const auto& action : words<AccessAction>())
    if (asked("code", action.value, {.pool = "edge", .member = "e1"}).allowed)
      allowed.emplace_back(action.text);
  EXPECT_THAT(allowed, testing::ElementsAre("public.read", "enrolment.read", "enrolment.submit",
                                            "identity.enrol"));
}

TEST(AccessTest, TellsACallerNothingOfTheFile) {
  const auto decision = asked("client:app", AccessAction::kKeyCompromise, {.pool = "edge"});
  EXPECT_FALSE(decision.allowed);
  EXPECT_THAT(decision.sentence, AllOf(HasSubstr("client:app may not do 'key.compromise'"),
                                       testing::Not(HasSubstr("a.toml"))));
}

TEST(AccessTest, GivesTheMostOfAllLimits) {
  const Access access = parsed();
  const AccessLimits app = limits_of(access, {PrincipalKind::kClient, "app"});
  EXPECT_EQ(app.requests_per_second, 10U);  // of the auditor's binding, which is silent
  EXPECT_EQ(app.burst, 50U);
  EXPECT_EQ(app.signatures_per_day, 1000U);
  EXPECT_EQ(limits_of(access, {PrincipalKind::kAccount, "app"}).signatures_per_day, 1000U);
}

TEST(AccessTest, ReadsPrincipalsAsItWritesThem) {
  for (const char* text : {"client:alice", "account:root", "member:edge/e1", "code", "anonymous"})
    EXPECT_EQ(parse_principal(text).str(), text);
  for (const char* text : {"", "client", "client:", "code:x", "anonymous:", "user:x", "alice"})
    EXPECT_THAT([&] { parse_principal(text); }, ThrowsErrc(Errc::kInvalidArgument)) << text;
}

TEST(AccessTest, HasARowForEveryAction) {
  for (const auto& row : access_rows())
    EXPECT_EQ(row.action, words<AccessAction>()[static_cast<std::size_t>(row.action)].value);
}

// ---- the shipped policy ----

const std::filesystem::path kFolder = std::filesystem::path(POOLKEY_SOURCE_DIR) / "policies";

TEST(ShippedAccessTest, DecidesItsCasesAsWritten) {
  const Access access = parse_access(read_text(kFolder / "access.toml"), "policies/access.toml");
  toml::Faults faults;
  const toml::Node root =
      toml::parse(read_text(kFolder / "access.cases.toml"), "policies/access.cases.toml", faults);
  toml::Reader top(root, "", faults);
  int permits = 0, denials = 0;
  for (toml::Reader& reader : top.table_array("case")) {
    const std::string name = reader.string("name").value;
    const auto principal = parse_principal(reader.string("principal").value);
    const auto action =
        parse_word<AccessAction>(reader.choice("action", all_words<AccessAction>()).value);
    AccessScope scope;
    const auto optional = [&](std::string_view key) {
      const auto read = reader.optional_string(key);
      return read ? std::optional(read->value) : std::nullopt;
    };
    scope.pool = optional("pool");
    scope.profile = optional("profile");
    scope.member = optional("member");
    if (const auto listing = reader.optional_boolean("listing")) scope.listing = listing->value;
    const bool permit = reader.choice("expect", {"permit", "deny"}).value == "permit";
    const std::string key = reader.string("key").value;
    reader.finish();
    faults.throw_if_any("cases");
    const auto decision = decide(access, principal, action.value(), scope);
    EXPECT_EQ(decision.allowed, permit) << reader.where().str() << ": " << name;
    EXPECT_EQ(decision.key, key) << reader.where().str() << ": " << name;
    ++(permit ? permits : denials);
  }
  top.finish();
  faults.throw_if_any("cases");
  EXPECT_GT(permits, 0);
  EXPECT_GT(denials, 0);
}

/// Who has which action stands twice, so that a slip in one of them shows.
TEST(ShippedAccessTest, ReadmeHasTheTableOfRoles) {
  const std::string readme = read_text(kFolder / "README.md");
  for (const AccessRow& row : access_rows()) {
    std::string who;
    const auto add = [&](std::string_view one) {
      who += (who.empty() ? "" : ", ") + std::string(one);
    };
    for (const auto& role : words<AccessRole>())
      if (has_action(role.value, row.action)) add(role.text);
    if (row.by_code) add("one-time code");
    if (who.empty()) add("everybody");
    const std::string line = "| `" + std::string(word(row.action)) + "` | " + who + " | " +
                             std::string(word(row.reach)) + " |\n";
    EXPECT_NE(readme.find(line), std::string::npos) << line;
  }
}

/// No word of the format and no action goes undocumented.
TEST(ShippedAccessTest, ReadmeKnowsEveryWord) {
  const std::string readme = read_text(kFolder / "README.md");
  const auto expect = [&](const std::vector<std::string>& all) {
    for (const std::string& w : all) EXPECT_NE(readme.find("`" + w + "`"), std::string::npos) << w;
  };
  expect(all_words<AccessRole>());
  expect(all_words<AccessAction>());
  expect({"access.toml", "bind.clients", "bind.accounts", "bind.members", "bind.pools",
          "bind.profiles", "bind.requests_per_second", "bind.burst", "bind.signatures_per_day"});
}

}  // namespace
}  // namespace poolkey::policy::test
