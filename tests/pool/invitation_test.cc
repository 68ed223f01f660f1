#include "pool/invitation.h"

#include <gmock/gmock.h>

#include "crypto/digest.h"
#include "pool/repository.h"
#include "tests/audit/log.h"
#include "tests/support/matchers.h"

namespace poolkey::pool {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

const Invitee kEdge1{InvitationKind::kMember, "edge", "edge1"};
const Invitee kAlice{InvitationKind::kClient, "", "alice"};
constexpr Duration kDay = Days(1);

class InvitationTest : public testing::Test {
 protected:
  InvitationTest() {
    define_pool(log.database, PoolName("edge"), {"t.toml", "text"},
                {MemberName("edge1"), MemberName("edge2")}, log.clock.now());
  }
  std::string code(const Invitee& invitee, Duration valid = kDay) {
    return to_text(invite(context, invitee, valid).view());
  }
  std::string document(const std::string& text) { return hex(crypto::sha256(view(text))); }
  std::vector<std::string> states(InvitationKind kind) {
    std::vector<std::string> out;
    for (const Invitation& one : invitations(log.database, kind))
      out.emplace_back(pool::name(one.state(log.clock.now())));
    return out;
  }

  test::Log log;
  store::Journal journal{log.database};
  keys::Context context{.database = log.database,
                        .journal = journal,
                        .audit = log.chain,
                        .clock = log.clock,
                        .token = nullptr,
                        .load_key = {},
                        .actor = "uid:0 root"};
};

TEST_F(InvitationTest, CodeHas125BitsInGroupsAndIsKeptNowhere) {
  const std::string one = code(kEdge1), other = code(kEdge1);
  EXPECT_THAT(one, testing::MatchesRegex("([A-Z2-7]{5}-){4}[A-Z2-7]{5}"));
  EXPECT_NE(one, other);
  for (const auto& row : log.database.rows("SELECT * FROM invitation"))
    EXPECT_NE(row.text("code_sha256"), one);
  for (const std::string& line : log.lines()) EXPECT_THAT(line, testing::Not(HasSubstr(one)));
}

TEST_F(InvitationTest, FirstUseBindsItAndTheSameAgainIsFine) {
  const std::string one = code(kEdge1);
  EXPECT_EQ(invitation_of(log.database, kEdge1, one, log.clock.now()).bound_to, "");
  redeem(context, kEdge1, one, document("a"));
  const std::size_t entries = log.lines().size();
  redeem(context, kEdge1, one, document("a"));
  EXPECT_EQ(log.lines().size(), entries) << "a repetition is no new act";
  EXPECT_EQ(invitation_of(log.database, kEdge1, one, log.clock.now()).bound_to, document("a"));
  EXPECT_THAT([&] { redeem(context, kEdge1, one, document("b")); },
              ThrowsErrc(Errc::kConflict, "used for something else"));
}

TEST_F(InvitationTest, CaseDashesAndBlanksDoNotMatter) {
  std::string one = code(kAlice);
  std::erase(one, '-');
  for (char& c : one) c = static_cast<char>(std::tolower(c));
  EXPECT_NO_THROW(redeem(context, kAlice, " " + one, document("a")));
}

TEST_F(InvitationTest, RefusesEverythingElseInOneSentence) {
  const std::string members = code(kEdge1);
  const Invitee other{InvitationKind::kMember, "edge", "edge2"};
  const Invitee same_name{InvitationKind::kClient, "", "edge1"};
  std::string wrong = members;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  const auto sentence = [&](const Invitee& invitee, const std::string& text) -> std::string {
    try {
      redeem(context, invitee, text, document("a"));
    } catch (const Error& error) {
      return error.code() == Errc::kDenied ? error.what() : "another error";
    }
    return "taken";
  };
  const std::string unknown = sentence(kEdge1, wrong);
  EXPECT_THAT(unknown, HasSubstr("not one for 'edge/edge1', or it has ended"));
  for (const std::string& text :
       {std::string(), members.substr(1), members + "A", "\xff" + members.substr(1),
        std::string(100'000, 'A'), std::string(25, '\0')})
    EXPECT_EQ(sentence(kEdge1, text), unknown);
  EXPECT_THAT(sentence(other, members), HasSubstr("not one for 'edge/edge2'"));
  EXPECT_THAT(sentence(same_name, members), HasSubstr("not one for 'edge1'"));
  log.clock.set(log.clock.now() + kDay - Duration(1));
  EXPECT_EQ(sentence(kEdge1, members), "taken");
  log.clock.set(log.clock.now() + Duration(1));
  EXPECT_EQ(sentence(kEdge1, members), unknown) << "expired";
}

TEST_F(InvitationTest, ANewOneEndsThoseThatWereNotUsed) {
  const std::string used = code(kEdge1);
  redeem(context, kEdge1, used, document("a"));
  const std::string unused = code(kEdge1);
  const std::string newest = code(kEdge1);
  EXPECT_NO_THROW(redeem(context, kEdge1, used, document("a")));
  EXPECT_THAT([&] { redeem(context, kEdge1, unused, document("a")); }, ThrowsErrc(Errc::kDenied));
  EXPECT_NO_THROW(redeem(context, kEdge1, newest, document("a")));
  EXPECT_THAT(states(InvitationKind::kMember), ElementsAre("used", "withdrawn", "used"));
}

TEST_F(InvitationTest, WithdrawnIsOverUsedOrNot) {
  const std::string one = code(kAlice);
  redeem(context, kAlice, one, document("a"));
  (void)code(kEdge1);
  EXPECT_EQ(withdraw(context, kAlice), 1);
  EXPECT_EQ(withdraw(context, kAlice), 0);
  EXPECT_THAT([&] { redeem(context, kAlice, one, document("a")); }, ThrowsErrc(Errc::kDenied));
  EXPECT_THAT(states(InvitationKind::kClient), ElementsAre("withdrawn"));
  EXPECT_THAT(states(InvitationKind::kMember), ElementsAre("open"));
}

TEST_F(InvitationTest, IsForKnownMembersGoodNamesAndLimitedTimes) {
  const Invitee stranger{InvitationKind::kMember, "edge", "edge9"};
  EXPECT_THAT([&] { (void)code(stranger); }, ThrowsErrc(Errc::kNotFound, "edge9"));
  EXPECT_THAT(
      [&] {
        (void)code({InvitationKind::kClient, "", "Alice Smith"});
      },
      ThrowsErrc(Errc::kInvalidArgument, "no name of a person"));
  EXPECT_THAT([&] { (void)code(kAlice, Duration(59)); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT([&] { (void)code(kAlice, Days(31)); }, ThrowsErrc(Errc::kInvalidArgument));
  EXPECT_THAT(states(InvitationKind::kClient), testing::IsEmpty());
}

}  // namespace
}  // namespace poolkey::pool
