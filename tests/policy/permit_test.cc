// Permits cannot be made up, copied, used twice or used for something else.
#include "policy/permit.h"

#include <type_traits>

#include "policy/engine.h"
#include "sample.h"
#include "tests/support/matchers.h"

namespace poolkey::policy::test {
namespace {

using poolkey::test::ThrowsErrc;

static_assert(!std::is_default_constructible_v<Permit>);
static_assert(!std::is_constructible_v<Permit, Grant>);
static_assert(!std::is_copy_constructible_v<Permit> && !std::is_copy_assignable_v<Permit>);
static_assert(std::is_nothrow_move_constructible_v<Permit>);

Permit permit_for(Facts facts) { return permit_or_throw(Engine::decide(sample(), facts)); }

Permit proof_permit() {
  return permit_for({.action = Action::kProve,
                     .key = {KeyName("av"), 1},
                     .pool = PoolName("edge"),
                     .member = MemberName("edge1")});
}

Permit csr_permit() {
  return permit_for({.action = Action::kSign,
                     .key = {KeyName("av"), 1},
                     .key_age = Days(0),
                     .usage = Usage::kCsr});
}

TEST(PermitTest, HoldsForTheActItWasGivenFor) {
  EXPECT_NO_THROW(proof_permit().require(Action::kProve, "av@1", "edge1"));
  EXPECT_NO_THROW(csr_permit().require_signature(Usage::kCsr, "av@1"));
}

TEST(PermitTest, IsADefectForAnotherActKeyVersionOrMember) {
  const Permit permit = proof_permit();
  EXPECT_THAT([&] { permit.require(Action::kAccept, "av@1", "edge1"); },
              ThrowsErrc(Errc::kInternal,
                         "a permit to 'prove av@1 on edge1' was used to 'accept av@1 on edge1'"));
  EXPECT_THAT([&] { permit.require(Action::kProve, "av@2", "edge1"); },
              ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { permit.require(Action::kProve, "av@1", "edge2"); },
              ThrowsErrc(Errc::kInternal));
  EXPECT_THAT([&] { permit.require(Action::kProve, "av@1"); }, ThrowsErrc(Errc::kInternal));
}

TEST(PermitTest, ForOneSignatureIsNoneForAnother) {
  const Permit permit = csr_permit();
  EXPECT_THAT([&] { permit.require_signature(Usage::kTls, "av@1"); },
              ThrowsErrc(Errc::kInternal, "'sign csr av@1' was used to 'sign tls av@1'"));
  // The purpose must be named: that the permit is for some signature is not enough.
  EXPECT_THAT([&] { permit.require(Action::kSign, "av@1"); }, ThrowsErrc(Errc::kInternal));
}

TEST(PermitTest, IsSpentOnceHandedOn) {
  Permit first = proof_permit();
  const Permit second = std::move(first);
  EXPECT_NO_THROW(second.require(Action::kProve, "av@1", "edge1"));
  EXPECT_THAT([&] { first.require(Action::kProve, "av@1", "edge1"); },
              ThrowsErrc(Errc::kInternal, "handed on"));
  EXPECT_THAT([&] { first.rule(); }, ThrowsErrc(Errc::kInternal));
}

}  // namespace
}  // namespace poolkey::policy::test
