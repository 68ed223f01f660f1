// Decisions. What each shipped policy allows stands in policies/*.cases.toml; here is what holds of
// the engine itself.
#include "policy/engine.h"

#include "policy/rules.h"
#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

using poolkey::test::ThrowsErrc;
using testing::HasSubstr;

const KeyVersion kKey{KeyName("av"), 1};

Facts release() {
  return {.action = Action::kRelease,
          .key = kKey,
          .pool = PoolName("edge"),
          .key_age = Days(1),
          .suite = Suite::kOaepSha256Kwp,
          .recipients = 3,
          .enrolled = true,
          .from_origin = true,
          .wrap_with_trusted = WrapWithTrusted::kEnforced};
}

Denial denial(const Policy& policy, const Facts& facts) {
  const Decision decision = Engine::decide(policy, facts);
  if (const auto* denied = std::get_if<Denial>(&decision)) return *denied;
  ADD_FAILURE() << "permitted by " << std::get<Permit>(decision).rule();
  return {};
}

TEST(EngineTest, PermitNamesTheActAndTheDecidingLine) {
  const Permit permit = permit_or_throw(Engine::decide(sample(), release()));
  EXPECT_EQ(permit.grant().key_version, "av@1");
  EXPECT_EQ(permit.grant().pool, "edge");
  EXPECT_EQ(permit.rule(), "policies/sample.toml:12:1 export.mode");
}

TEST(EngineTest, DenialNamesTheRuleItsLineAndWhatToDo) {
  Facts facts = release();
  facts.pool = PoolName("other");
  const Denial no = denial(sample(), facts);
  EXPECT_EQ(no.rule, "export.recipients");
  EXPECT_EQ(no.where, (Location{kFile, 14, 1}));
  EXPECT_EQ(
      explain(no),
      "policies/sample.toml:14:1 export.recipients forbids this: pool 'other' may not receive "
      "av@1; add it to the recipients of policy 'sample' and generate a new version");
  EXPECT_THAT([&] { permit_or_throw(Engine::decide(sample(), facts)); },
              ThrowsErrc(Errc::kDenied, explain(no)));
}

TEST(EngineTest, EveryActionHasARule) {
  for (const auto& row : words<Action>())
    EXPECT_TRUE(std::any_of(rules().begin(), rules().end(), [&](const Rule& rule) {
      return rule.action == row.value;
    })) << row.text;
}

TEST(EngineTest, ActionWithoutARuleIsDenied) {
  const Facts facts{.action = static_cast<Action>(99), .key = kKey};
  EXPECT_THAT(denial(sample(), facts).sentence, HasSubstr("no rule allows"));
}

TEST(EngineTest, NoActionIsAllowedOnNoFacts) {
  for (const auto& row : words<Action>()) {
    const Decision decision = Engine::decide(sample(), {.action = row.value, .key = kKey});
    // A proof needs no facts: it concerns a key that is there, and signs nothing of the caller's.
    EXPECT_EQ(std::holds_alternative<Permit>(decision), row.value == Action::kProve) << row.text;
  }
}

TEST(EngineTest, EveryRuleOfAReleaseCanDeny) {
  const auto rule_with = [](auto change) {
    Facts facts = release();
    change(facts);
    return denial(sample(), facts).rule;
  };
  EXPECT_EQ(rule_with([](Facts& f) { f.pool.reset(); }), "export.recipients");
  EXPECT_EQ(rule_with([](Facts& f) { f.enrolled = false; }), "export.recipients");
  EXPECT_EQ(rule_with([](Facts& f) { f.recipients = 0; }), "export.max_recipients");
  EXPECT_EQ(rule_with([](Facts& f) { f.recipients = 4; }), "export.max_recipients");
  EXPECT_EQ(rule_with([](Facts& f) { f.suite = Suite::kOaepSha1Kwp; }), "export.suites");
  EXPECT_EQ(rule_with([](Facts& f) { f.from_origin = false; }), "export.re_export");
  EXPECT_EQ(rule_with([](Facts& f) { f.key_age.reset(); }), "lifetime.key_days");
  EXPECT_EQ(rule_with([](Facts& f) { f.key_age = Days(398); }), "lifetime.key_days");
}

TEST(EngineTest, OnlyAPersonWhomThePolicyNamesOverridesTheLinter) {
  Facts facts{.action = Action::kRequest, .key = kKey};
  facts.role = Role::kEdgeExternal;
  facts.ca = CaKind::kPublic;
  facts.validity = Days(199);
  facts.key_age = Days(1);
  facts.hash = Hash::kSha256;
  EXPECT_EQ(denial(sample(), facts).rule, "request.lint_profiles");
  facts.overridden = {LintProfile::kPublicBr};
  facts.overrider = "alice";
  EXPECT_EQ(denial(sample(), facts).rule, "request.overrides");
  const Policy policy =
      sample_with("hash = \"sha256\"", "hash = \"sha256\"\noverrides = [\"alice\"]");
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(policy, facts)));
  facts.overrider = "mallory";
  EXPECT_EQ(denial(policy, facts).rule, "request.overrides");
}

TEST(EngineTest, MemberMayHandOnWhereThePolicySaysSo) {
  Facts facts = release();
  facts.from_origin = false;
  const Policy policy = sample_with("re_export = false", "re_export = true");
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(policy, facts)));
}

TEST(EngineTest, AnyPoolStillNeedsEnrolledMembers) {
  const Policy policy = sample_with("\"edge\", \"proxy\"", "\"*\"");
  Facts facts = release();
  facts.pool = PoolName("never-heard-of");
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(policy, facts)));
  facts.enrolled = false;
  EXPECT_THAT(denial(policy, facts).sentence, HasSubstr("not enrolled; enrol and confirm it"));
}

TEST(EngineTest, UnexportedKeyIsNeitherReleasedNorAcceptedNorInstalledOnAMember) {
  const Policy policy = parse_policy(unexported_text(), kFile);
  for (Action action : {Action::kRelease, Action::kAccept, Action::kProve, Action::kInstall}) {
    Facts facts = release();
    facts.action = action;
    facts.member = MemberName("edge1");
    facts.role = Role::kFrontEnd;
    facts.ca = CaKind::kInternal;
    facts.validity = Days(1);
    EXPECT_EQ(denial(policy, facts).rule, "export.mode") << word(action);
  }
}

TEST(EngineTest, AWrappedKeyNeedsATokenThatEnforcesWrapWithTrusted) {
  for (const Action action : {Action::kGenerate, Action::kRelease}) {
    Facts facts = release();
    facts.action = action;
    facts.algorithm = "RSA-2048";
    EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(sample(), facts))) << word(action);
    facts.wrap_with_trusted = WrapWithTrusted::kIgnored;
    EXPECT_EQ(denial(sample(), facts).rule, "export.mode");
    EXPECT_THAT(denial(sample(), facts).sentence,
                HasSubstr("ignores CKA_WRAP_WITH_TRUSTED, as poolkey doctor found"));
    facts.wrap_with_trusted = WrapWithTrusted::kUnknown;
    EXPECT_THAT(denial(sample(), facts).sentence, HasSubstr("run 'poolkey doctor'"));
  }
}

TEST(EngineTest, AKeyThatNeverLeavesMayBeBornInAnyToken) {
  const Policy policy = parse_policy(unexported_text(), kFile);
  EXPECT_TRUE(std::holds_alternative<Permit>(
      Engine::decide(policy, {.action = Action::kGenerate, .key = kKey, .algorithm = "EC-P-256"})));
}

TEST(EngineTest, DecryptionIsNoSignature) {
  const Policy policy = sample_with("\"proof\"]", "\"proof\", \"decrypt\"]");
  EXPECT_EQ(
      denial(policy,
             {.action = Action::kSign, .key = kKey, .key_age = Days(0), .usage = Usage::kDecrypt})
          .rule,
      "key.usages");
}

TEST(EngineTest, ReceiptsAreSignedAtAnyAge) {
  Facts facts{.action = Action::kSign, .key = kKey, .key_age = Days(9999), .usage = Usage::kProof};
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(sample(), facts)));
  facts.usage = Usage::kTls;
  EXPECT_EQ(denial(sample(), facts).rule, "lifetime.key_days");
}

TEST(EngineTest, ASecondOverTheValidityIsTooLong) {
  Facts facts{.action = Action::kIssue,
              .key = kKey,
              .key_age = Days(0),
              .role = Role::kEdgeExternal,
              .ca = CaKind::kInternal,
              .validity = Days(199)};
  EXPECT_TRUE(std::holds_alternative<Permit>(Engine::decide(sample(), facts)));
  facts.validity = Days(199) + std::chrono::seconds(1);
  EXPECT_THAT(denial(sample(), facts).sentence, HasSubstr("a certificate of 200 days"));
  facts.validity = Days(-1);
  EXPECT_EQ(denial(sample(), facts).rule, "lifetime.certificate_days");
}

TEST(EngineTest, SameFactsGiveTheSameDecision) {
  const Facts facts = release();
  EXPECT_EQ(permit_or_throw(Engine::decide(sample(), facts)).rule(),
            permit_or_throw(Engine::decide(sample(), facts)).rule());
}

}  // namespace
}  // namespace poolkey::policy::test
